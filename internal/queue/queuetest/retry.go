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

func postponeCountsNothing(t *testing.T, e *env) {
	const delay = 300 * time.Millisecond
	sent := e.events(2, "key")
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Dispatch)
	d := c.one()
	given := time.Now()
	c.postpone(d, delay)
	other := e.event("other")
	e.publish(e.q, other)
	again := c.one()
	require.Equal(t, other.ID, again.Event.ID, "another key must not wait")
	c.ack(again)
	again = c.one()
	require.GreaterOrEqual(t, time.Since(given), delay)
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
	const delay = 300 * time.Millisecond
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		slow, other := e.event("slow"), e.event("other")
		c := e.subscribe(e.q, group)
		e.publish(e.q, slow)
		d := c.one()
		given := time.Now()
		c.retry(d, delay)
		e.publish(e.q, other)
		d = c.one()
		require.Equal(t, other.ID, d.Event.ID, "another key must not wait")
		c.ack(d)

		d = c.one()
		require.GreaterOrEqual(t, time.Since(given), delay)
		requireSame(t, slow, d.Event)
		require.Equal(t, 2, d.Attempt)
		c.ack(d)
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
// is remembered, when the consumer that asked for it goes away: the event must come again,
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
