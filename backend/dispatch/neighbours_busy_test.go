package dispatch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/open/opentest"
)

// TestBusyNeighbours has a bot beside a healthy one of which much more waits than is held, of one
// order key: a user who floods it and is deferred, and a key that one answer after the other works off.
func TestBusyNeighbours(t *testing.T) {
	t.Parallel()
	for engine, open := range map[string]func(*testing.T) queue.Queue{"sqlite": opentest.File, "rabbitmq": openBroker} {
		for name, delay := range map[string]time.Duration{"one user deferred": time.Hour, "one key": 0} {
			t.Run(engine+"/"+name, func(t *testing.T) {
				t.Parallel()
				besideOneKey(t, open(t), delay)
			})
		}
	}
}

func besideOneKey(t *testing.T, q queue.Queue, delay time.Duration) {
	const waiting, chunk = 10_000, 500
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, patience, 10*time.Millisecond)
	healthy, busy := newIllBot(t, ""), newIllBot(t, "")
	set := bots.Set{"healthy": healthy.bot("healthy"), "ill-0": busy.bot("ill-0")}
	require.NoError(t, q.DeclareBots(t.Context(), set.Queues()))
	for events := range slices.Chunk(flood("ill-0", waiting, delay), chunk) {
		require.Eventually(t, func() bool { return q.Publish(t.Context(), events...) == nil }, patience, time.Millisecond)
	}
	d, err := New(Config{Queue: q, Bots: set})
	require.NoError(t, err)
	stop := running(t, d)
	publish(t, q, eventsOf("healthy"))
	healthy.requireAll(t)
	if delay == 0 {
		require.Eventually(t, func() bool { return len(busy.got()) > 100 }, patience, 5*time.Millisecond)
	}
	require.NoError(t, stop())
	require.Less(t, len(busy.got()), waiting, "most of it waits all the while")
}

// flood are events of one order key, which are to be delivered after a delay.
func flood(bot string, n int, delay time.Duration) []*event.Event {
	events := make([]*event.Event, n)
	for i := range events {
		e := newEvent(fmt.Sprintf("%s-flood-%d", bot, i))
		e.Bot, e.OrderKey = bot, "flood"
		if delay > 0 {
			e.NotBefore = e.Time.Add(delay)
		}
		events[i] = e
	}
	return events
}
