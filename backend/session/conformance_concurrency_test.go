package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/session"
)

const writers = 8

// oneWinner has several writers replace the same version.
func oneWinner(t *testing.T, open openEngine) {
	engines := []session.Engine{open(t), open(t)}
	var was string
	for round := range 20 {
		var won atomic.Int32
		var winner atomic.Pointer[session.Session]
		var group errgroup.Group
		for n := range writers {
			next := version(key, round*writers+n)
			group.Go(func() error {
				err := engines[n%len(engines)].Store(t.Context(), next, was)
				if err == nil {
					won.Add(1)
					winner.Store(next)
				} else if !errors.Is(err, session.ErrConflict) {
					return err
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.EqualValues(t, 1, won.Load(), "winners of round %d", round)
		requireStored(t, engines[0], winner.Load())
		was = winner.Load().Version
	}
}

// nothingLost has each writer count up a member of its own in one session: a write that
// went over another's would take a count back.
func nothingLost(t *testing.T, open openEngine) {
	const counts = 25
	var group errgroup.Group
	for n := range writers {
		all := service(t, open(t))
		group.Go(func() error {
			for count := 1; count <= counts; count++ {
				if err := patch(t.Context(), all, fmt.Sprintf(`{"writer %d":%d}`, n, count)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	found, err := service(t, open(t)).Get(t.Context(), key)
	require.NoError(t, err)
	got := map[string]int{}
	require.NoError(t, json.Unmarshal(found.Data, &got))
	require.Len(t, got, writers)
	for name, count := range got {
		require.Equal(t, counts, count, name)
	}
}

// patch repeats for a minute what is refused because of too many writers, as a bot does: on SQLite those of other
// connections.
func patch(ctx context.Context, all *session.Sessions, document string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, _, err := all.Patch(ctx, key, []byte(document), 0, session.Condition{})
		if !errors.Is(err, session.ErrBusy) && !errors.Is(err, session.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
	}
}

// erased removes a user while writers are at work: what was there before must not be
// brought back by those who had read it.
func erased(t *testing.T, open openEngine) {
	e := open(t)
	all := service(t, e)
	for round := range 10 {
		_, _, err := all.Put(t.Context(), key, []byte(`{"secret":true}`), 0, session.Condition{})
		require.NoError(t, err)
		var group errgroup.Group
		for n := range writers / 2 {
			group.Go(func() error { return patch(t.Context(), all, fmt.Sprintf(`{"n":%d}`, n)) })
		}
		group.Go(func() error { return all.DeleteUser(t.Context(), key.User) })
		require.NoError(t, group.Wait())
		found, err := all.Get(t.Context(), key)
		if !errors.Is(err, session.ErrNotFound) {
			require.NoError(t, err)
			require.NotContains(t, string(found.Data), "secret", "round %d", round)
			require.NoError(t, all.DeleteUser(t.Context(), key.User))
		}
	}
}

func endedContext(t *testing.T, open openEngine) {
	e := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Load(ctx, key, start)
	require.ErrorIs(t, err, session.ErrUnavailable)
	require.ErrorIs(t, e.Store(ctx, version(key, 1), ""), session.ErrUnavailable)
	require.ErrorIs(t, e.RemoveUser(ctx, "42"), session.ErrUnavailable)
	require.ErrorIs(t, e.Ready(ctx), session.ErrUnavailable)
	requireMissing(t, e, key, start)
}
