package queuetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var bulkCases = []testCase{
	{"bulk that is not settled holds up nothing else of its bot", bulkWaits},
	{"bulk of an order key is in order, and is of no other key", bulkOrder},
	{"bulk that waits for its bot goes now when somebody asks", bulkRetryNow},
	{"bulk that waits is not missing, and is bulk again when it is redelivered", bulkMissing},
	{"a bot whose bulk nobody declared gets it all the same", bulkUndeclared},
}

// bulk makes bulk of the test's bot.
func (e *env) bulk(orderKey string) *event.Event {
	ev := e.event("")
	ev.OrderKey = orderKey
	ev.MakeBulk()
	return ev
}

// bulks has the test's bot have a lane for bulk, and publishes some.
func (e *env) bulks(n int) (all []*event.Event) {
	e.t.Helper()
	e.consumes(e.bot, event.BulkOf(e.bot))
	for range n {
		all = append(all, e.bulk(""))
	}
	e.publish(e.q, all...)
	return all
}

// bulkWaits has more bulk than a consumer holds, and then others.
func bulkWaits(t *testing.T, e *env) {
	waiting := e.bulks(60)
	c := e.subscribeWith(e.q, queue.Dispatch, queue.SubscribeOptions{Prefetch: 8})
	held := c.take(8)
	c.none()
	for range 20 {
		ev := e.event("")
		e.publish(e.q, ev)
		d := c.one()
		require.Equal(t, ev.ID, d.Event.ID)
		require.False(t, d.Event.IsBulk())
		c.ack(d)
	}
	e.depth(e.q, queue.OfBot(e.bot), int64(len(waiting)))
	seen := map[string]bool{}
	for len(held) > 0 {
		for _, d := range held {
			require.True(t, d.Event.IsBulk())
			seen[d.Event.ID] = true
		}
		c.ack(held...)
		held = c.take(min(8, len(waiting)-len(seen)))
	}
	require.Len(t, seen, len(waiting))
}

func bulkOrder(t *testing.T, e *env) {
	e.bulks(0)
	c := e.subscribe(e.q, queue.Dispatch)
	first, second, other := e.bulk("key"), e.bulk("key"), e.event("key")
	e.publish(e.q, first, second, other)
	both := c.take(2)
	require.ElementsMatch(t, []string{first.ID, other.ID}, deliveredIDs(both))
	c.none()
	c.ack(both...)
	last := c.one()
	require.Equal(t, second.ID, last.Event.ID)
	c.ack(last)
}

func bulkRetryNow(t *testing.T, e *env) {
	e.bulks(2)
	c := e.subscribe(e.q, queue.Dispatch)
	for _, d := range c.take(2) {
		c.retry(d, time.Hour)
	}
	c.none()
	other := e.open()
	require.Eventually(t, func() bool { // A consumer that has just begun may not hear the first time.
		require.NoError(t, other.RetryNow(t.Context(), e.bot))
		ctx, cancel := context.WithTimeout(t.Context(), silence)
		defer cancel()
		ds, err := c.Receive(ctx, 1)
		if err != nil {
			return false
		}
		require.Equal(t, 2, ds[0].Attempt)
		c.ack(ds...)
		return true
	}, patience, tick)
	c.ack(c.one())
}

func bulkMissing(t *testing.T, e *env) {
	waiting := e.bulks(2)
	c := e.subscribe(e.q, queue.Dispatch)
	held := c.take(2)
	e.awaitMissing(e.open(), nil, waiting...)
	c.ack(held...)
	lost := e.bulk("")
	e.awaitMissing(e.q, []string{lost.ID}, lost)
	require.NoError(t, e.q.Redeliver(t.Context(), queue.Redelivery{Event: lost}))
	d := c.one()
	require.Equal(t, lost.ID, d.Event.ID)
	require.True(t, d.Event.IsBulk())
	c.ack(d)
}

func bulkUndeclared(t *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Dispatch)
	for n := range 3 {
		ev := e.bulk(fmt.Sprint(n))
		e.publish(e.q, ev)
		d := c.one()
		require.Equal(t, ev.ID, d.Event.ID)
		c.ack(d)
	}
}
