package queuetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var redeliveryCases = []testCase{
	{"goes to Dispatch alone, from the first attempt, and says so", redeliver},
	{"with each number anew", redeliverAnew},
	{"without a number says nothing", redeliverUnchanged},
	{"stands behind what waits", redeliverBehind},
	{"is no part of the history", redeliverHistory},
	{"of what is no event for a bot is refused", redeliverInvalid},
}

func (e *env) redeliver(again ...queue.Redelivery) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	require.NoError(e.t, e.q.Redeliver(ctx, again...))
}

// pass has all groups be done with an event.
func (e *env) pass(ev *event.Event) {
	e.t.Helper()
	e.publish(e.q, ev)
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		ids, err := e.empty(e.t.Context(), group)
		require.NoError(e.t, err)
		require.Equal(e.t, []string{ev.ID}, ids)
	}
}

func redeliver(t *testing.T, e *env) {
	ev := e.event("key")
	ev.Data = []byte{0, 1, 2, 0xff}
	e.pass(ev)
	c, record := e.subscribe(e.q, queue.Dispatch), e.subscribe(e.q, queue.Record)
	e.redeliver(queue.Redelivery{Event: ev, Replays: 1})
	d := c.one()
	requireSame(t, ev, d.Event)
	require.Equal(t, 1, d.Attempt)
	require.Equal(t, 1, d.Replays)
	require.Empty(t, d.Outcomes)
	news := record.one()
	change, err := event.ParseChange(news.Event)
	require.NoError(t, err)
	require.Equal(t, ev.ID, change.EventID)
	require.Equal(t, event.StatusReplayed, change.Status)
	require.Equal(t, 1, change.Replays)
	record.ack(news)
	record.none()
	c.retry(d, 0)
	d = c.one()
	require.Equal(t, 2, d.Attempt)
	require.Equal(t, 1, d.Replays)
	c.ack(d)
	c.none()
}

func redeliverAnew(t *testing.T, e *env) {
	ev := e.event("key")
	e.pass(ev)
	c := e.subscribe(e.q, queue.Dispatch)
	for n := 1; n <= 3; n++ {
		e.redeliver(queue.Redelivery{Event: ev, Replays: n})
		d := c.one()
		require.Equal(t, n, d.Replays)
		c.ack(d)
	}
	c.none()
}

func redeliverUnchanged(t *testing.T, e *env) {
	ev := e.event("key")
	e.pass(ev)
	other := e.open() // Which remembers nothing of the event.
	c, record := e.subscribe(other, queue.Dispatch), e.subscribe(e.q, queue.Record)
	e.redeliver(queue.Redelivery{Event: ev})
	d := c.one()
	requireSame(t, ev, d.Event)
	require.Zero(t, d.Replays)
	c.ack(d)
	record.none()
}

func redeliverBehind(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.pass(sent[0])
	e.publish(e.q, sent[1:]...)
	e.redeliver(queue.Redelivery{Event: sent[0], Replays: 1})
	c := e.subscribe(e.q, queue.Dispatch)
	for _, want := range []*event.Event{sent[1], sent[2], sent[0]} {
		d := c.one()
		require.Equal(t, want.ID, d.Event.ID)
		c.none()
		c.ack(d)
	}
	e.depth(e.q, queue.Dispatch, 0)
}

func redeliverHistory(t *testing.T, e *env) {
	if !e.h.History {
		t.Skip("there is none")
	}
	ev := e.event("key")
	e.pass(ev)
	e.redeliver(queue.Redelivery{Event: ev, Replays: 1})
	for _, record := range e.history(e.q, queue.HistoryRange{}) {
		if record.Event.IsChange() {
			continue
		}
		require.Equal(t, ev.ID, record.Event.ID)
		ev = &event.Event{} // It is not there again.
	}
	require.Empty(t, ev.ID)
}

func redeliverInvalid(t *testing.T, e *env) {
	ev := e.event("key")
	for _, wrong := range []*event.Event{{}, e.change(ev)} {
		err := e.q.Redeliver(t.Context(), queue.Redelivery{Event: ev, Replays: 1}, queue.Redelivery{Event: wrong, Replays: 1})
		require.ErrorIs(t, err, queue.ErrInvalid)
	}
	e.depth(e.q, queue.Dispatch, 0)
	e.depth(e.q, queue.Record, 0)
}
