package queuetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

var adjustCases = []testCase{
	{"a bot that is added is consumed, and nothing else is interrupted", adjustAdds},
	{"what a removed bot has waits until it is there again", adjustRemoves},
	{"a bot gets more queues, and fewer", adjustQueues},
	{"a bot is added and removed by two consumers under load", adjustBetweenHandles},
}

// adjust has the test consume bots from now on.
func (c *consumer) adjust(bots queue.Bots) {
	c.e.t.Helper()
	require.NoError(c.e.t, c.e.q.DeclareBots(c.e.t.Context(), bots))
	require.NoError(c.e.t, c.Adjust(queue.SubscribeOptions{Bots: bots}))
}

func adjustAdds(t *testing.T, e *env) {
	added := e.bot + "-added"
	c := e.subscribe(e.q, queue.Dispatch)
	held, next := e.of(e.bot, "key"), e.of(e.bot, "key")
	e.publish(e.q, held, next)
	first := c.one()
	require.Equal(t, held.ID, first.Event.ID)
	ev := e.of(added, "key")
	e.publish(e.q, ev)
	e.bots[added] = 1
	c.adjust(e.bots)
	d := c.one()
	require.Equal(t, ev.ID, d.Event.ID)
	require.False(t, first.IsRecalled())
	c.ack(d, first)
	require.Equal(t, next.ID, c.one().Event.ID, "what was held is settled as before")
	require.NoError(t, c.Close())
	require.ErrorIs(t, c.Adjust(queue.SubscribeOptions{Bots: e.bots}), queue.ErrClosed)
}

// adjustRemoves settles what it holds of the bot, as dispatch does. The engines differ in who has the rest
// meanwhile.
func adjustRemoves(t *testing.T, e *env) {
	removed, stays := e.two()
	c := e.subscribe(e.q, queue.Dispatch)
	e.publish(e.q, e.of(removed, "a"), e.of(removed, "a"), e.of(removed, "a"))
	held := c.one()
	c.adjust(queue.Bots{stays: 1})
	other := e.of(stays, "key")
	e.publish(e.q, other)
	for {
		d := c.one()
		if d.Event.ID == other.ID {
			c.ack(d)
			break
		}
		require.NoError(t, c.Postpone(t.Context(), d, time.Minute))
	}
	if err := c.Ack(t.Context(), held); !errors.Is(err, queue.ErrLost) {
		require.NoError(t, err)
	}
	e.depth(e.q, queue.OfBot(removed), 2)
	c.adjust(e.bots)
	require.NoError(t, e.q.RetryNow(t.Context(), removed))
	for range 2 {
		d := c.one()
		require.Equal(t, removed, d.Event.Bot)
		require.Equal(t, 1, d.Attempt)
		c.ack(d)
	}
	e.depth(e.q, queue.OfBot(removed), 0)
}

func adjustQueues(t *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Dispatch)
	for _, queues := range []int{1, 4, 2} {
		e.bots[e.bot] = queues
		require.NoError(t, e.q.DeclareBots(t.Context(), e.bots))
		sent := e.manyKeys(40)
		e.publish(e.q, sent...)
		c.adjust(e.bots)
		var got []string
		for range sent {
			d := c.one()
			got = append(got, d.Event.ID)
			c.ack(d)
		}
		require.ElementsMatch(t, idsOf(sent), got)
	}
}

// adjustBetweenHandles has two consumers learn of a bot one after the other, forget it, and learn of it again.
func adjustBetweenHandles(t *testing.T, e *env) {
	added := e.bot + "-added"
	both := queue.Bots{e.bot: 1, added: 1}
	require.NoError(t, e.q.DeclareBots(t.Context(), both))
	seen := newTally(90)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	consumers := []*consumer{e.subscribe(e.q, queue.Dispatch), e.subscribe(e.open(), queue.Dispatch)}
	ends := make(chan error, len(consumers))
	for _, c := range consumers {
		go func() { ends <- seen.consume(ctx, c, 5) }()
	}
	for n := range 45 {
		e.publish(e.q, e.of(e.bot, fmt.Sprint(n%5)), e.of(added, fmt.Sprint(n%5)))
		if n%10 == 5 {
			consumers[n/10%2].adjust(both)
		}
		if n%10 == 9 {
			consumers[n/10%2].adjust(queue.Bots{e.bot: 1})
		}
	}
	for _, c := range consumers {
		c.adjust(both)
	}
	for range consumers {
		require.NoError(t, <-ends)
	}
	require.Len(t, seen.ids, 90)
	e.bots = both
	e.depth(e.q, queue.Dispatch, 0)
}
