package queuetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

var retryCases = []testCase{
	{"comes again after the delay, others meanwhile", retryDelays},
	{"holds later events of the key back", retryKeepsOrder},
	{"without delay comes at once", retryAtOnce},
	{"outlasts the consumer", retryOutlastsConsumer},
	{"of what was not tried counts no attempt and keeps its order", postponeCountsNothing},
}

// overtaken delays the next delivery by delay, which is Retry or Postpone, and demands that an
// event of another key is delivered before it. Since a busy machine may take longer than a short
// delay, it tries with longer ones. It returns the delivery that was delayed and the one after.
func (e *env) overtaken(c *consumer, delay func(*queue.Delivery, time.Duration)) (before, after *queue.Delivery) {
	e.t.Helper()
	before = c.one()
	for pause := 300 * time.Millisecond; ; pause *= 4 {
		given := time.Now()
		delay(before, pause)
		other := e.event("other")
		e.publish(e.q, other)
		first, second := c.one(), c.one()
		if first.Event.ID == other.ID {
			require.GreaterOrEqual(e.t, time.Since(given), pause)
			c.ack(first)
			return before, second
		}
		require.Less(e.t, pause, 10*time.Second, "another key must not wait")
		c.ack(second)
		before = first
	}
}

func postponeCountsNothing(t *testing.T, e *env) {
	sent := e.events(2, "key")
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Dispatch)
	d, again := e.overtaken(c, c.postpone)
	requireSame(t, sent[0], again.Event)
	require.Equal(t, 1, again.Attempt)
	require.Error(t, c.Ack(t.Context(), d), "the delivery of before is settled")
	c.retry(again, 0)
	again = c.one()
	require.Equal(t, 2, again.Attempt)
	c.postpone(again, 0)
	again = c.one()
	require.Equal(t, sent[0].ID, again.Event.ID)
	require.Equal(t, 2, again.Attempt)
	c.ack(again)
	c.ack(c.one())
	e.depth(e.q, queue.Dispatch, 0)
}

func retryDelays(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		slow := e.event("slow")
		c := e.subscribe(e.q, group)
		e.publish(e.q, slow)
		before, after := e.overtaken(c, c.retry)
		requireSame(t, slow, after.Event)
		require.Equal(t, before.Attempt+1, after.Attempt)
		c.ack(after)
		e.depth(e.q, group, 0)
		c.close()
		e.drain()
	}
}

func retryKeepsOrder(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Dispatch)
	for _, want := range sent {
		for attempt := 1; attempt <= 3; attempt++ {
			d := c.one()
			require.Equal(t, want.ID, d.Event.ID)
			require.Equal(t, attempt, d.Attempt)
			if attempt < 3 {
				c.retry(d, 20*time.Millisecond)
			} else {
				c.ack(d)
			}
		}
	}
	e.depth(e.q, queue.Dispatch, 0)
}

func retryAtOnce(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		ev := e.event("key")
		e.publish(e.q, ev)
		c := e.subscribe(e.q, group)
		for attempt := 1; attempt <= 3; attempt++ {
			d := c.one()
			require.Equal(t, ev.ID, d.Event.ID)
			require.Equal(t, attempt, d.Attempt)
			c.retry(d, 0)
		}
		c.close()
		e.drain()
	}
}

// retryOutlastsConsumer leaves open how much of the delay remains, and whether the attempt
// is remembered, when the consumer that asked for it closes: the event must be delivered again,
// and its order must hold.
func retryOutlastsConsumer(t *testing.T, e *env) {
	sent := e.events(2, "key")
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Dispatch)
	c.retry(c.one(), 50*time.Millisecond)
	c.close()

	c = e.subscribe(e.q, queue.Dispatch)
	for i, want := range sent {
		d := c.one()
		require.Equal(t, want.ID, d.Event.ID)
		if i == 0 {
			require.Contains(t, []int{1, 2}, d.Attempt)
		}
		c.ack(d)
	}
}
