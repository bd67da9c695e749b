package record

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
)

func TestStopFinishesTheBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore(func(ctx context.Context, _ []*event.Event) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return nil
			}
		})
		q := newQueue(storetest.Events(300)...)
		r := start(t, Config{Queue: q, Store: s, BatchSize: 100})
		synctest.Wait()
		began := time.Now()
		require.NoError(t, r.stop())
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, 200, s.len(), "two batches were under way")
		require.Equal(t, 100, q.left())
	})
}

func TestStopWithStoreUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore(func(context.Context, []*event.Event) error { return store.ErrUnavailable })
		q := newQueue(storetest.Events(10)...)
		r := start(t, Config{Queue: q, Store: s})
		advance(time.Minute)
		began := time.Now()
		require.NoError(t, r.stop())
		require.Zero(t, time.Since(began), "there is nothing to wait for")
		require.Equal(t, 10, q.left(), "everything stays in the queue")
		require.Equal(t, 1, q.closed)
	})
}

func TestStopWithStoreHanging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore(func(ctx context.Context, _ []*event.Event) error {
			<-ctx.Done()
			return ctx.Err()
		})
		q := newQueue(storetest.Events(10)...)
		r := start(t, Config{Queue: q, Store: s})
		synctest.Wait()
		began := time.Now()
		require.NoError(t, r.stop())
		require.Equal(t, Grace, time.Since(began))
		require.Equal(t, 10, q.left())
	})
}
