package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

func TestAsOf(t *testing.T) {
	t.Parallel()
	second := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	now := &store.Record{
		Event:  &event.Event{ID: "a", Time: noon, NotBefore: second(1)},
		Status: event.StatusDelivered, AttemptCount: 2, Replays: 1, UpdatedAt: second(4), RecordedAt: second(9),
		Attempts: []event.Change{
			{Status: event.StatusFailed, Attempt: 1, At: second(1)},
			{Status: event.StatusDead, Attempt: 2, At: second(2)},
			{Status: event.StatusReplayed, Replays: 1, At: second(3)},
			{Status: event.StatusDelivered, Attempt: 1, Replays: 1, At: second(4)},
		},
	}
	now.Last = &now.Attempts[3]
	for n, want := range []struct {
		status   event.Status
		attempts int
	}{
		{event.StatusDeferred, 0}, {event.StatusFailed, 1}, {event.StatusDead, 2}, {event.StatusReplayed, 2}, {event.StatusDelivered, 2},
	} {
		for _, at := range []time.Time{second(n), second(n + 1).Add(-time.Nanosecond)} {
			then, err := store.AsOf(now, at)
			require.NoError(t, err)
			require.Equal(t, now.Event, then.Event)
			require.Equal(t, want.status, then.Status)
			require.Equal(t, want.attempts, then.AttemptCount)
			require.Equal(t, second(n), then.UpdatedAt)
			require.Equal(t, now.Attempts[:n], then.Attempts)
			require.True(t, n == 0 && then.Last == nil || *then.Last == now.Attempts[n-1])
		}
	}
	then, err := store.AsOf(now, second(100))
	require.NoError(t, err)
	require.Equal(t, now, then)
	_, err = store.AsOf(now, noon.Add(-time.Microsecond))
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Len(t, now.Attempts, 4)
}
