package event_test

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func scheduled(due time.Duration) *event.Event {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := &event.Event{ID: "e", Bot: "demo", Type: "command", Subject: "alice", Time: at, VerifiedBy: "jwt"}
	e.Schedule(at.Add(due))
	return e
}

func TestScheduledEvents(t *testing.T) {
	t.Parallel()
	e := scheduled(time.Hour)
	require.NoError(t, e.Validate())
	require.True(t, e.IsScheduled())
	require.False(t, e.ForBot())
	require.Equal(t, e.Time.Add(-time.Hour), e.AcceptedAt())
	require.Error(t, scheduled(event.MaxAhead+time.Second).Validate())
	require.Error(t, scheduled(-time.Second).Validate())

	named := maps.Collect(e.Attributes())
	back, err := event.FromAttributes(func(name string) string { return named[name] }, "", nil)
	require.NoError(t, err)
	require.Equal(t, e.ScheduledAt, back.ScheduledAt)
	require.True(t, back.IsScheduled())
}

// TestTurnsShareAnID: of all that is decided for the n-th time about an event, the log takes one.
func TestTurnsShareAnID(t *testing.T) {
	t.Parallel()
	e, at := scheduled(time.Hour), time.Now()
	turn := func(status event.Status, n int, at time.Time) *event.Event {
		made, err := event.NewTurn(e, status, n, at)
		require.NoError(t, err)
		require.True(t, made.IsChange())
		require.False(t, made.IsScheduled())
		require.Equal(t, e.AcceptedAt(), made.ScheduledAt, "an erasure counts from there")
		c, err := event.ParseChange(made)
		require.NoError(t, err)
		require.Equal(t, status, c.Status)
		require.Equal(t, n, c.Turn)
		return made
	}
	first := turn(event.StatusDue, 1, at)
	require.Equal(t, first.ID, turn(event.StatusCancelled, 1, at.Add(time.Minute)).ID)
	require.NotEqual(t, first.ID, turn(event.StatusDue, 2, at).ID)
	released, err := event.NewChange(e, event.Change{Status: event.StatusReleased, At: at})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, released.ID)
}
