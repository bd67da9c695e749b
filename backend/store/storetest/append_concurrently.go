package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var concurrencyCases = map[string]func(*testing.T, Store){
	"overlapping batches": func(t *testing.T, s Store) {
		source := Random(t)
		events := Events(50)
		everything := make([]*event.Event, 0, 2*len(events))
		for _, e := range events {
			everything = append(everything, e, change(t, e, event.StatusDelivered, 1))
		}
		group, ctx := errgroup.WithContext(t.Context())
		for range 8 {
			batches := make([][]*event.Event, 4)
			for i := range batches {
				for _, n := range source.Perm(len(everything))[:50] {
					batches[i] = append(batches[i], everything[n])
				}
			}
			group.Go(func() error {
				for _, batch := range batches {
					if err := Append(ctx, s, batch); err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		add(t, s, everything...)
		for _, e := range events {
			r := get(t, s, e.ID)
			require.Equal(t, event.StatusDelivered, r.Status)
			require.Len(t, r.Attempts, 1)
		}
		require.Len(t, list(t, s, store.Query{Limit: store.MaxLimit}).Records, len(events))
	},

	"reads see a change with its status": func(t *testing.T, s Store) {
		e := Event(1)
		add(t, s, e)
		group, ctx := errgroup.WithContext(t.Context())
		group.Go(func() error {
			for n := range 50 {
				if err := Append(ctx, s, []*event.Event{change(t, e, event.StatusFailed, n+1)}); err != nil {
					return err
				}
			}
			return nil
		})
		for seen := 0; seen < 50 && ctx.Err() == nil; {
			r := get(t, s, e.ID)
			require.Len(t, r.Attempts, r.AttemptCount)
			require.GreaterOrEqual(t, r.AttemptCount, seen)
			seen = r.AttemptCount
		}
		require.NoError(t, group.Wait())
	},
}

var lifecycleCases = map[string]func(*testing.T, Store){
	"ready": func(t *testing.T, s Store) {
		require.NoError(t, s.Ready(t.Context()))
	},

	"a context that has ended": func(t *testing.T, s Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := Append(ctx, s, Events(1))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, store.ErrUnavailable, "the event is not to blame")
		_, err = s.Get(ctx, Event(0).ID)
		require.ErrorIs(t, err, context.Canceled)
		_, err = s.List(ctx, store.Query{Limit: 1})
		require.ErrorIs(t, err, context.Canceled)
		add(t, s, Events(1)...)
	},

	"after Close": func(t *testing.T, s Store) {
		require.NoError(t, s.Close())
		require.NoError(t, s.Close(), "twice is safe")
		require.ErrorIs(t, Append(t.Context(), s, Events(1)), store.ErrUnavailable)
		require.ErrorIs(t, s.Ready(t.Context()), store.ErrUnavailable)
	},
}
