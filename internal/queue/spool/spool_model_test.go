package spool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/spool"
)

// fickle fails at random, and changes how likely that is every few calls.
func fickle(random *rand.Rand) func(*event.Event) outcome {
	var mu sync.Mutex
	left, faults := 0, 0
	return func(*event.Event) outcome {
		mu.Lock()
		defer mu.Unlock()
		if left--; left < 0 {
			left, faults = random.IntN(60), random.IntN(5)*25
		}
		if random.IntN(100) < faults {
			return outcome(1 + random.IntN(int(late)))
		}
		return take
	}
}

// publishAll publishes the events of a key one after another, each until it is accepted.
func publishAll(ctx context.Context, q queue.Queue, events []*event.Event) error {
	for _, e := range events {
		for q.Publish(ctx, e) != nil {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestModel has publishers meet a fickle broker, and the spool closed and opened again, and
// finds all that was accepted, in order.
func TestModel(t *testing.T) {
	t.Parallel()
	const keys, each, openings = 8, 30, 4
	seed := rand.Uint64()
	t.Logf("seed: %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	b, path := &broker{}, newPath(t)
	for opening := range openings {
		b.behave(fickle(random))
		q := open(t, b, spool.Config{Path: path, DrainTimeout: 5 * time.Millisecond}, spool.Options{ConfirmTimeout: 5 * time.Millisecond, TurnWait: 5 * time.Millisecond})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		results := make(chan error, keys)
		for key := range keys {
			events := make([]*event.Event, each)
			for n := range events {
				events[n] = newEvent(t, fmt.Sprint("key-", key), opening*each+n)
			}
			go func() { results <- publishAll(ctx, q, events) }()
		}
		for range keys {
			require.NoError(t, <-results)
		}
		cancel()
		if opening == openings-1 {
			b.behave(nil)
			waitDrained(t, q)
		}
		require.NoError(t, q.Close())
	}
	for key := range keys {
		bodies := b.bodies(fmt.Sprint("key-", key))
		require.Len(t, bodies, openings*each)
		for n, body := range bodies {
			require.Equal(t, fmt.Sprint(n), body)
		}
	}
}

// TestNoEventOvertakes has events of one key arrive at the very moments at which the last
// spooled one of it is drained.
func TestNoEventOvertakes(t *testing.T) {
	t.Parallel()
	b := &broker{}
	q := open(t, b, spool.Config{}, spool.Options{})
	const rounds = 200
	want := make([]string, 0, rounds)
	for n := range rounds {
		if n%4 == 0 {
			b.behave(always(unavailable))
		}
		require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", n)))
		want = append(want, fmt.Sprint(n))
		b.behave(nil)
	}
	waitDrained(t, q)
	require.Equal(t, want, b.bodies("k"))
}

// TestABusyKeyLeavesTheSpool goes on to publish events of a key as fast as they are accepted
// while it is drained.
func TestABusyKeyLeavesTheSpool(t *testing.T) {
	t.Parallel()
	b := &broker{}
	b.behave(always(unavailable))
	q := open(t, b, spool.Config{}, spool.Options{})
	var want []string
	publish := func() {
		require.NoError(t, q.Publish(t.Context(), newEvent(t, "k", len(want))))
		want = append(want, fmt.Sprint(len(want)))
	}
	for range 20 {
		publish()
	}
	b.behave(nil)
	require.Eventually(t, func() bool {
		publish()
		return q.Stats().Events == 0
	}, patience, time.Nanosecond)
	require.Equal(t, want, b.bodies("k"))
}
