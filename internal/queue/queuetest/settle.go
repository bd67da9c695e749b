package queuetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

var settleCases = []testCase{
	{"an acknowledged event never comes again", ackIsForGood},
	{"a consumer that closes gives back what it holds", closeGivesBack},
	{"a handle that closes gives back what it holds", handleCloseGivesBack},
	{"what was only handed out or prefetched was not attempted", untriedIsNoAttempt},
	{"settling twice is an error and harms nothing", settleTwice},
	{"settling after the consumer was closed is an error", settleAfterClose},
}

func ackIsForGood(t *testing.T, e *env) {
	q := e.open()
	sent := e.events(3, "key")
	e.publish(q, sent...)
	c := e.subscribe(q, queue.Record)
	ds := c.take(3)
	for i, d := range ds {
		if d.Event.ID == sent[1].ID {
			ds = append(ds[:i], ds[i+1:]...)
			break
		}
	}
	c.ack(ds...)
	require.NoError(t, q.Close())

	c = e.subscribe(e.open(), queue.Record)
	d := c.one()
	require.Equal(t, sent[1].ID, d.Event.ID)
	c.ack(d)
	c.none()
	e.depth(e.q, queue.Record, 0)
}

func closeGivesBack(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		ev := e.event(string(group))
		e.publish(e.q, ev)
		for range 3 {
			c := e.subscribe(e.q, group)
			d := c.one()
			requireSame(t, ev, d.Event)
			require.Equal(t, 1, d.Attempt)
			c.close()
		}
		e.drain()
	}
}

func handleCloseGivesBack(t *testing.T, e *env) {
	q := e.open()
	sent := e.events(5, "key")
	e.publish(q, sent...)
	record := e.subscribe(q, queue.Record).take(5)
	dispatch := e.subscribe(q, queue.Dispatch).one()
	require.NoError(t, q.Close())

	again := e.subscribe(e.q, queue.Record).take(5)
	require.ElementsMatch(t, deliveredIDs(record), deliveredIDs(again))
	requireUntried(t, again...)
	d := e.subscribe(e.q, queue.Dispatch).one()
	require.Equal(t, dispatch.Event.ID, d.Event.ID)
	requireUntried(t, d)
}

// untriedIsNoAttempt has consumers and handles come and go that settle nothing.
func untriedIsNoAttempt(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		sent := e.manyKeys(8)
		e.publish(e.q, sent...)
		heads := len(sent) // One of each key, where order matters.
		if group == queue.Dispatch {
			heads /= 4
		}
		for range 3 {
			q := e.open()
			c := e.subscribe(q, group)
			requireUntried(t, c.one()) // The others are prefetched at most.
			c.close()
			requireUntried(t, e.subscribe(q, group).take(heads)...)
			require.NoError(t, q.Close())
		}
		c := e.subscribe(e.q, group)
		for range sent {
			d := c.one()
			requireUntried(t, d)
			c.ack(d)
		}
		c.close()
		e.drain()
	}
}

// requireUntried demands that no retry was counted.
func requireUntried(t *testing.T, ds ...*queue.Delivery) {
	t.Helper()
	for _, d := range ds {
		require.Equal(t, 1, d.Attempt)
	}
}

func settleTwice(t *testing.T, e *env) {
	e.publish(e.q, e.events(2, "key")...)
	c := e.subscribe(e.q, queue.Record)
	first, second := c.one(), c.one()
	c.ack(first)
	ctx := t.Context()
	require.ErrorIs(t, c.Ack(ctx, first), queue.ErrLost)
	require.ErrorIs(t, c.Retry(ctx, first, 0), queue.ErrLost)
	require.ErrorIs(t, c.DeadLetter(ctx, first, "twice"), queue.ErrLost)
	c.ack(second)
	c.none()
	e.depth(e.q, queue.Record, 0)
	e.depth(e.q, queue.Dead, 0)
}

func settleAfterClose(t *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev)
	c := e.subscribe(e.q, queue.Record)
	d := c.one()
	c.close()
	require.Error(t, c.Ack(t.Context(), d))
	require.Error(t, c.Retry(t.Context(), d, 0))
	require.Error(t, c.DeadLetter(t.Context(), d, "late"))
	require.Equal(t, ev.ID, e.subscribe(e.q, queue.Record).one().Event.ID)
	e.depth(e.q, queue.Dead, 0)
}
