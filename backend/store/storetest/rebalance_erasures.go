package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// testErasuresMove copies the erasures of one store to another one.
func testErasuresMove(t *testing.T, open func() Store) {
	from, to := open(), open()
	for n := range 5 {
		_, err := from.Erase(t.Context(), fmt.Sprint("user ", n), start.Add(time.Duration(n)*time.Hour), nil)
		require.NoError(t, err)
	}
	_, err := to.Erase(t.Context(), "user 4", start.Add(time.Minute), nil)
	require.NoError(t, err)
	_, err = to.Erase(t.Context(), "user 0", start.Add(time.Hour), nil)
	require.NoError(t, err)
	for range 2 {
		var after []byte
		for pages := 0; ; pages++ {
			some, err := from.Erasures(t.Context(), after, 2)
			require.NoError(t, err)
			if len(some) == 0 {
				require.Equal(t, 3, pages)
				break
			}
			require.NoError(t, to.ImportErasures(t.Context(), some))
			after = some[len(some)-1].Hash
		}
	}
	all, err := to.Erasures(t.Context(), nil, 10)
	require.NoError(t, err)
	require.Len(t, all, 5)
	for n, before := range []time.Time{start.Add(time.Hour), start.Add(time.Hour), start.Add(2 * time.Hour), start.Add(3 * time.Hour), start.Add(4 * time.Hour)} {
		require.Contains(t, all, store.Erasure{Hash: store.HashSubject(fmt.Sprint("user ", n)), Before: before})
	}
	late := Event(1)
	late.Subject = "user 4"
	recorded, err := Record(t.Context(), to, []*event.Event{late})
	require.NoError(t, err)
	require.Empty(t, recorded)
}

func testMoveLock(t *testing.T, open func() Store) {
	s := open()
	lock, err := s.LockMoves(t.Context())
	require.NoError(t, err)
	_, err = s.LockMoves(t.Context())
	require.ErrorIs(t, err, store.ErrMoveInProgress)
	require.NoError(t, lock.Held(t.Context()))
	add(t, s, Event(1)) // It keeps nobody from anything else.
	require.NoError(t, lock.Unlock())
	lock, err = s.LockMoves(t.Context())
	require.NoError(t, err)
	require.NoError(t, lock.Unlock())
}
