package record

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// downShards are the shards of a store that do not work.
type downShards struct {
	mu sync.Mutex
	// down has how each fails.
	down map[string]func(context.Context) error
}

func (d *downShards) set(shard string, fail func(context.Context) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down[shard] = fail
}

func (d *downShards) fail(ctx context.Context, events []*event.Event) error {
	for _, e := range events {
		if shardOf(e) != shardOf(events[0]) {
			panic("a batch of two shards")
		}
	}
	d.mu.Lock()
	fail := d.down[shardOf(events[0])]
	d.mu.Unlock()
	if fail == nil {
		return nil
	}
	return fail(ctx)
}

func refusing(context.Context) error { return store.ErrUnavailable }

func hanging(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func newDown(names ...string) *downShards {
	d := &downShards{down: map[string]func(context.Context) error{}}
	for _, name := range names {
		d.set(name, refusing)
	}
	return d
}

// TestShardDown has a shard refuse everything for a minute, while events come all the time.
func TestShardDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := newDown("b")
		q, s := newParkingQueue(), newStore(down.fail)
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry, BatchSize: 20})
		n, well := 0, 0
		for began := time.Now(); time.Since(began) < time.Minute; n++ {
			e := shardEvent(n, shards[n%3])
			q.publish(e)
			<-time.After(5 * time.Millisecond)
			if shardOf(e) != "b" {
				well++
				require.GreaterOrEqual(t, s.len(), well, "an event of a shard that is well waits for nothing")
			}
		}
		require.Equal(t, well, s.len())
		require.LessOrEqual(t, q.left(), 20, "the others are parked")
		require.GreaterOrEqual(t, q.lots["b"].left(), n-well-20)
		require.Zero(t, q.lots["a"].left()+q.lots["c"].left())
		require.NoError(t, r.Healthy(), "the others are well")

		down.set("b", nil)
		advance(maxBackoff)
		require.Equal(t, n, s.len())
		require.Zero(t, q.left()+q.parked())
		require.LessOrEqual(t, q.lots["b"].peak, 20)
		require.LessOrEqual(t, q.parks, n-well, "each at most once")
		require.NoError(t, r.stop())
	})
}

// TestBacklogWithShardDown has more events of the shard than may be in memory, before those
// of the others.
func TestBacklogWithShardDown(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(context.Context) error{"refuses": refusing, "hangs": hanging} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const many = 5000
				down := newDown()
				down.set("b", fail)
				q, s := newParkingQueue(), newStore(down.fail)
				for n := range many {
					q.publish(shardEvent(n, "b"))
				}
				q.publish(shardEvent(many, "a"), shardEvent(many+1, "c"))
				r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry, BatchSize: 100})
				advance(2 * appendTimeout)
				require.Equal(t, 2, s.len())
				require.LessOrEqual(t, q.peak, 600)
				// What hangs tries once more with a few.
				require.LessOrEqual(t, q.left(), 100)
				for n := range 10 {
					q.publish(shardEvent(many+2+n, "a"))
					<-time.After(10 * time.Millisecond)
					require.Equal(t, 3+n, s.len(), "known to be away, it holds up nothing")
				}
				down.set("b", nil)
				advance(appendTimeout + 2*maxBackoff)
				require.Equal(t, many+12, s.len())
				require.Zero(t, q.left()+q.parked())
				require.Empty(t, q.deadLettered)
				require.NoError(t, r.stop())
			})
		})
	}
}

// TestManyShardsHang has all but one shard hang.
func TestManyShardsHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := newDown()
		down.set("b", hanging)
		down.set("c", hanging)
		q, s := newParkingQueue(mixed(3000)...), newStore(down.fail)
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry, BatchSize: 50})
		advance(3 * appendTimeout)
		require.Equal(t, 1000, s.len())
		require.NoError(t, r.Healthy())
		down.set("b", nil)
		down.set("c", nil)
		advance(appendTimeout + 2*maxBackoff)
		require.Equal(t, 3000, s.len())
		require.Zero(t, q.left()+q.parked())
		require.NoError(t, r.stop())
	})
}

func TestParkedByAnotherProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, s := newParkingQueue(), newStore(newDown().fail)
		q.lots["c"].publish(shardEvent(1, "c"))
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry})
		synctest.Wait()
		require.Equal(t, 1, s.len(), "it is there at the start")
		q.lots["c"].publish(shardEvent(2, "c"))
		synctest.Wait()
		require.Equal(t, 2, s.len(), "and later")
		require.NoError(t, r.stop())
		for _, lane := range q.lots {
			require.Equal(t, 1, lane.closed)
		}
	})
}

// TestParkedEventOfAnotherShard has events that belong elsewhere since they were parked.
func TestParkedEventOfAnotherShard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := newDown("b")
		q, s := newParkingQueue(), newStore(down.fail)
		q.lots["a"].publish(shardEvent(1, "b"), shardEvent(2, "c"))
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry})
		advance(time.Second)
		require.Equal(t, 1, s.len())
		require.Zero(t, q.lots["a"].left())
		require.Equal(t, 1, q.lots["b"].left())
		require.NoError(t, r.stop())
	})
}

// TestQueueTakesNothingParked has the queue refuse to park for a while.
func TestQueueTakesNothingParked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := newDown("b")
		q, s := newParkingQueue(shardEvent(1, "b")), newStore(down.fail)
		q.park = []error{queue.ErrUnavailable, queue.ErrUnconfirmed, queue.ErrUnavailable}
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry})
		synctest.Wait()
		require.Equal(t, 1, q.left())
		advance(time.Minute)
		require.Zero(t, q.left())
		require.Equal(t, 1, q.parked())
		down.set("b", nil)
		advance(maxBackoff)
		require.Equal(t, 1, s.len())
		require.NoError(t, r.stop())
	})
}

// TestParkedIsLost has the queue take deliveries back meanwhile.
func TestParkedIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q, s := newParkingQueue(shardEvent(1, "b")), newStore(newDown("b").fail)
		q.park = []error{queue.ErrLost}
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry})
		advance(time.Minute)
		require.Empty(t, q.park)
		require.Zero(t, q.parked(), "it is not parked again")
		require.NoError(t, r.stop())
	})
}

func TestAllShardsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := newDown(shards...)
		q, s := newParkingQueue(mixed(30)...), newStore(down.fail)
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry})
		advance(time.Minute)
		require.ErrorIs(t, r.Healthy(), store.ErrUnavailable)
		require.Equal(t, 30, q.parked())
		for _, name := range shards {
			down.set(name, nil)
		}
		advance(maxBackoff)
		require.NoError(t, r.Healthy())
		require.Equal(t, 30, s.len())
		require.NoError(t, r.stop())
	})
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker("a", 15, must(newMetrics(nil)), discard)
		enters := func(limit int, may bool) {
			t.Helper()
			got, ok := b.enter()
			require.Equal(t, may, ok)
			require.Equal(t, limit, got)
		}
		enters(15, true)
		enters(15, true)
		b.leave(store.ErrUnavailable)
		enters(0, false)
		b.leave(store.ErrUnavailable)
		require.Error(t, b.failure())
		advance(maxBackoff)
		enters(probeSize, true)
		enters(0, false) // One probe.
		b.leave(nil)
		require.NoError(t, b.failure())
		enters(15, true)
		enters(15, true)
		b.leave(store.ErrUnavailable)
		advance(2 * staleAfter)
		require.Error(t, b.failure(), "one is still in flight")
		b.withdraw()
		require.NoError(t, b.failure(), "another process may have recorded what was parked")
	})
}

// TestBatchesGrowAgain has a store come back: it gets a few events at first.
func TestBatchesGrowAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, down := newDownStore()
		q := newQueue(mixed(2000)...)
		r := start(t, Config{Queue: q, Store: s, BatchSize: 100})
		advance(time.Minute)
		down.Store(false)
		advance(maxBackoff)
		require.Equal(t, 2000, s.len())
		require.LessOrEqual(t, s.batches[0], probeSize)
		require.Equal(t, 100, slices.Max(s.batches))
		require.Less(t, len(s.batches), 40, "the small ones are few")
		require.NoError(t, r.stop())
	})
}

// TestOneDatabaseParksNothing has the only database down.
func TestOneDatabaseParksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, down := newDownStore()
		q := newParkingQueue(mixed(30)...)
		r := start(t, Config{Queue: q, Store: s, Shards: []string{"a"}, Shard: shardOfEntry})
		advance(time.Minute)
		require.ErrorIs(t, r.Healthy(), store.ErrUnavailable)
		require.Equal(t, 30, q.left())
		require.Zero(t, q.parked()+q.parks)
		down.Store(false)
		advance(maxBackoff)
		require.Zero(t, q.left())
		require.Equal(t, 30, s.len())
		require.NoError(t, r.stop())
	})
}

func TestPoisonInAParkingLotIsDeadLettered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := shardEvent(7, "b")
		s := newStore(func(_ context.Context, events []*event.Event) error {
			for _, e := range events {
				if e.ID == bad.ID {
					return errors.New("does not fit")
				}
			}
			return nil
		})
		q := newParkingQueue()
		for n := range 20 {
			q.lots["b"].publish(shardEvent(n, "b"))
		}
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry})
		synctest.Wait()
		require.Equal(t, 19, s.len())
		require.Equal(t, map[string]string{bad.ID: "does not fit"}, q.lots["b"].deadLettered)
		require.NoError(t, r.stop())
	})
}

func TestEventsOfNoShard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := newDown("elsewhere")
		q, s := newParkingQueue(shardEvent(1, "elsewhere"), shardEvent(2, "a")), newStore(down.fail)
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: shardOfEntry})
		advance(time.Minute)
		require.Equal(t, 1, s.len())
		require.Equal(t, 1, q.left())
		down.set("elsewhere", nil)
		advance(maxBackoff)
		require.Equal(t, 2, s.len())
		require.NoError(t, r.stop())
	})
}

func TestShardNames(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Shards: []string{"a", "b.c"}, Shard: shardOfEntry})
	require.ErrorContains(t, err, "b.c")
}

func TestNotify(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []string
		s := newStore(nil)
		q := newQueue(shardEvent(1, "a"), shardEvent(2, "a"))
		q.onAck = func([]*queue.Delivery) { require.NotEmpty(t, told, "readers know before the queue does") }
		r := start(t, Config{Queue: q, Store: s, Notify: func(entries []store.Entry) {
			for _, e := range entries {
				told = append(told, e.ID)
			}
		}})
		synctest.Wait()
		q.publish(shardEvent(1, "a"), shardEvent(3, "a"))
		synctest.Wait()
		require.NoError(t, r.stop())
		require.Equal(t, []string{shardEvent(1, "").ID, shardEvent(2, "").ID, shardEvent(3, "").ID}, told, "what is new")
	})
}

// TestFencedBatchIsRoutedAgain has the users of a shard move while a batch of theirs is on its
// way there.
func TestFencedBatchIsRoutedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var moved atomic.Bool
		s := newStore(func(_ context.Context, events []*event.Event) error {
			if shardOf(events[0]) == "a" && moved.CompareAndSwap(false, true) {
				return store.ErrFenced
			}
			return nil
		})
		q := newParkingQueue(mixed(30)...)
		r := start(t, Config{Queue: q, Store: s, Shards: shards, Shard: func(e store.Entry) string {
			if shard := shardOfEntry(e); shard != "a" || !moved.Load() {
				return shard
			}
			return "b"
		}})
		synctest.Wait()
		require.Equal(t, 30, s.len(), "at once, and in no dead letter")
		require.Zero(t, q.left()+q.parked())
		require.Zero(t, q.parks)
		require.NoError(t, r.stop())
	})
}
