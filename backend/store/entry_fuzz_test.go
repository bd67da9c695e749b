package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

// FuzzEntries feeds bodies of changes, as anybody with access to the queue could write
// them: what is taken must be within the range of every engine.
func FuzzEntries(f *testing.F) {
	f.Add("c1", []byte(`{"event_id":"e","event_time":"2026-03-01T11:00:00Z","status":"failed","attempt":1,"at":"2026-03-01T12:00:00.123456789Z"}`))
	f.Add("c2", []byte(`{"event_id":"e\u0000","status":"dead","attempt":99999999999}`))
	f.Add("\xff", []byte(`{"event_id":"","status":"accepted"}`))
	f.Add("", []byte(`null`))
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		c := &event.Event{ID: id, Bot: "b", Type: "botgate.event.failed", VerifiedBy: "botgate", Time: noon, Data: data}
		entries, err := storetest.Entries([]*event.Event{c, c})
		if err != nil {
			require.Empty(t, entries)
			return
		}
		require.Len(t, entries, 1)
		e := entries[0]
		require.True(t, store.ValidID(e.ID))
		require.True(t, store.ValidID(e.Ref))
		require.GreaterOrEqual(t, e.State.Attempts, 0)
		require.NotZero(t, store.Code(e.State.Status))
		require.Zero(t, e.State.UpdatedAt.Nanosecond()%int(time.Microsecond))
		attempts, repeats, err := store.ParseChanges([][]byte{data})
		require.NoError(t, err)
		require.Equal(t, 1, len(attempts)+len(repeats))
	})
}
