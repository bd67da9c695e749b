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

var botCases = []testCase{
	{"40 events that wait for a retry hold up no other bot", func(t *testing.T, e *env) { botDown(t, e, 40) }},
	// More than a consumer has of a bot at once.
	{"300 events that wait for a retry hold up no other bot", func(t *testing.T, e *env) { botDown(t, e, 300) }},
	{"events that are not settled hold up no other bot", botHangs},
	{"what a bot has is counted", botDepths},
	{"a bot with several queues gets each key in order", botQueues},
	{"a bot that nobody declared has a queue", botUndeclared},
	{"what waits for a bot goes now when somebody asks", botRetryNow},
	{"an event that is given up goes now, and its consumer knows", botGiveUp},
}

// two makes the bot of the test and another one those that are consumed.
func (e *env) two() (down, good string) {
	e.t.Helper()
	down, good = e.bot, e.bot+"-good"
	e.consumes(down, good)
	return down, good
}

// of makes an event of a bot.
func (e *env) of(bot, orderKey string) *event.Event {
	ev := e.event(orderKey)
	ev.Bot = bot
	return ev
}

// botDown has all events of one bot wait behind the first, which waits for its retry.
func botDown(t *testing.T, e *env, waiting int) {
	_, good := e.two()
	c := e.subscribe(e.q, queue.Dispatch)
	down := e.events(waiting, "key")
	e.publish(e.q, down...)
	next := c.one()
	for n := range 10 {
		ev := e.of(good, fmt.Sprint(n))
		e.publish(e.q, ev)
		for next == nil || next.Event.ID != ev.ID {
			if next != nil {
				require.Equal(t, down[0].ID, next.Event.ID)
				c.retry(next, time.Second)
			}
			next = c.one()
		}
		c.ack(next)
		next = nil
	}
	for n, ev := range down {
		d := c.one()
		require.Equal(t, ev.ID, d.Event.ID, "it keeps its place")
		require.Equal(t, n == 0, d.Attempt > 1)
		c.ack(d)
	}
}

// botHangs has a bot hold as much as it may, of many keys.
func botHangs(t *testing.T, e *env) {
	down, good := e.two()
	c := e.subscribeWith(e.q, queue.Dispatch, queue.SubscribeOptions{Prefetch: 8})
	for n := range 40 {
		e.publish(e.q, e.of(down, fmt.Sprint("key-", n)))
	}
	held := c.take(8)
	c.none()
	for n := range 10 {
		ev := e.of(good, fmt.Sprint(n))
		e.publish(e.q, ev)
		d := c.one()
		require.Equal(t, ev.ID, d.Event.ID)
		c.ack(d)
	}
	for left := 32; left > 0; left -= len(held) {
		c.ack(held...)
		held = c.take(min(8, left))
	}
	c.ack(held...)
	e.depth(e.q, queue.Dispatch, 0)
}

func botDepths(t *testing.T, e *env) {
	down, good := e.two()
	e.publish(e.q, e.of(down, "a"), e.of(down, "a"), e.of(down, "b"), e.of(good, "a"))
	e.depth(e.q, queue.OfBot(down), 3)
	e.depth(e.q, queue.OfBot(good), 1)
	c := e.subscribe(e.q, queue.Dispatch)
	for _, d := range c.take(3) {
		if d.Event.Bot == good {
			c.deadLetter(d, "refused")
		} else {
			c.ack(d)
		}
	}
	e.depth(e.q, queue.OfBot(down), 1)
	e.depth(e.q, queue.OfBot(good), 0)
	e.depth(e.q, queue.Dispatch, 1)
	dead := e.subscribe(e.q, queue.Dead)
	require.NoError(t, dead.Redrive(t.Context(), dead.one()))
	e.depth(e.q, queue.OfBot(good), 1)
}

func botQueues(t *testing.T, e *env) {
	e.bots = queue.Bots{e.bot: 4}
	require.NoError(t, e.q.DeclareBots(t.Context(), e.bots))
	want, got := map[string][]string{}, map[string][]string{}
	for n := range 60 {
		ev := e.event(fmt.Sprint("key-", n%12))
		want[ev.OrderKey] = append(want[ev.OrderKey], ev.ID)
		e.publish(e.q, ev)
	}
	e.depth(e.q, queue.OfBot(e.bot), 60)
	c := e.subscribe(e.q, queue.Dispatch)
	for range 60 {
		d := c.one()
		got[d.Event.OrderKey] = append(got[d.Event.OrderKey], d.Event.ID)
		c.ack(d)
	}
	require.Equal(t, want, got)
}

// botUndeclared publishes for a bot that its consumer declares later.
func botUndeclared(t *testing.T, e *env) {
	ev := e.of(e.bot+"-new", "key")
	e.publish(e.q, ev)
	e.consumes(ev.Bot)
	require.Equal(t, ev.ID, e.subscribe(e.q, queue.Dispatch).one().Event.ID)
}

// botRetryNow asks on another handle, as another process does.
func botRetryNow(t *testing.T, e *env) {
	_, good := e.two()
	told := make(chan string, 1000)
	c := e.subscribeWith(e.q, queue.Dispatch, queue.SubscribeOptions{OnRetryNow: func(bot string) { told <- bot }})
	e.publish(e.q, e.event("a"), e.event("a"), e.event("b"), e.of(good, "c"))
	for _, d := range c.take(3) {
		c.retry(d, time.Hour)
	}
	c.none()
	other := e.open()
	require.ErrorIs(t, other.RetryNow(t.Context(), e.bot+"-unknown"), queue.ErrUnknownBot)
	ask := func(bot string) { // A consumer that has just begun may not hear the first time.
		t.Helper()
		require.Eventually(t, func() bool {
			require.NoError(t, other.RetryNow(t.Context(), bot))
			select {
			case heard := <-told:
				return heard == bot
			case <-time.After(silence):
				return false
			}
		}, patience, tick)
	}
	ask(e.bot)
	for _, d := range c.take(2) {
		require.Equal(t, e.bot, d.Event.Bot)
		require.Equal(t, 2, d.Attempt)
		c.ack(d)
	}
	require.Equal(t, 1, c.one().Attempt, "the next of its key")
	c.none()
	ask(good)
	require.Equal(t, good, c.one().Event.Bot)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, other.RetryNow(canceled, good), context.Canceled)
}

// botGiveUp gives an event up on another handle, as another process does.
func botGiveUp(t *testing.T, e *env) {
	_, good := e.two()
	type event struct{ bot, id string }
	told := make(chan event, 1000)
	c := e.subscribeWith(e.q, queue.Dispatch, queue.SubscribeOptions{OnGiveUp: func(bot, id string) { told <- event{bot, id} }})
	first, second := e.event("a"), e.event("a")
	e.publish(e.q, first, second, e.event("b"), e.of(good, "c"))
	for _, d := range c.take(3) {
		c.retry(d, time.Hour)
	}
	c.none()
	other := e.open()
	require.ErrorIs(t, other.GiveUp(t.Context(), e.bot+"-unknown", first.ID), queue.ErrUnknownBot)
	ask := func(want event) { // A consumer that has just begun may not hear the first time.
		t.Helper()
		require.Eventually(t, func() bool {
			require.NoError(t, other.GiveUp(t.Context(), want.bot, want.id))
			for {
				select {
				case heard := <-told:
					if heard == want {
						return true
					}
				case <-time.After(silence):
					return false
				}
			}
		}, patience, tick)
	}
	ask(event{good, first.ID})
	ask(event{e.bot, second.ID})
	c.none()
	ask(event{e.bot, first.ID})
	d := c.one()
	require.Equal(t, first.ID, d.Event.ID)
	require.Equal(t, 2, d.Attempt)
	c.ack(d)
	require.Equal(t, second.ID, c.one().Event.ID, "the next of its key")
	c.none()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, other.GiveUp(canceled, good, first.ID), context.Canceled)
	for _, bot := range []string{e.bot, good} { // For what comes after the test.
		require.NoError(t, other.RetryNow(t.Context(), bot))
	}
}
