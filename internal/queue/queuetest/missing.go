package queuetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var missingCases = []testCase{
	{"what waits is not missing", missingWaits},
	{"what was lost is missing until it is redelivered", missingLost},
	{"of a bot with several queues", missingQueues},
	{"a replay is not the event itself", missingReplay},
}

// missing asks through a handle and returns the ids.
func (e *env) missing(q queue.Queue, events ...*event.Event) []string {
	e.t.Helper()
	return e.missingOf(q, redeliveries(events)...)
}

func (e *env) missingOf(q queue.Queue, asked ...queue.Redelivery) []string {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	found, err := q.Missing(ctx, asked...)
	require.NoError(e.t, err)
	var ids []string
	for _, r := range found {
		ids = append(ids, r.Event.ID)
	}
	return ids
}

func redeliveries(events []*event.Event) []queue.Redelivery {
	all := make([]queue.Redelivery, len(events))
	for n, ev := range events {
		all[n] = queue.Redelivery{Event: ev}
	}
	return all
}

// awaitMissing asks until the answer is as wanted: a consumer may have just begun.
func (e *env) awaitMissing(q queue.Queue, want []string, asked ...*event.Event) {
	e.t.Helper()
	slices.Sort(want)
	var last []string
	require.Eventually(e.t, func() bool {
		last = e.missing(q, asked...)
		slices.Sort(last)
		return slices.Equal(last, want)
	}, patience, tick, "missing are %v of %v, want %v", &last, idsOf(asked), want)
}

// missingWaits has events in every state in which they wait.
func missingWaits(t *testing.T, e *env) {
	asker := openReady(t, e.h) // As another process, it knows nothing.
	lost := e.event("lost")
	held, behind, retried, postponed, ready := e.event("a"), e.event("a"), e.event("b"), e.event("c"), e.event("d")
	waiting := []*event.Event{held, behind, retried, postponed, ready}
	e.publish(e.q, waiting...)
	asked := append(slices.Clone(waiting), lost)
	require.Subset(t, []string{lost.ID}, e.missing(asker, asked...), "nobody consumes")
	c := e.subscribeWith(e.q, queue.Dispatch, queue.SubscribeOptions{Prefetch: 4})
	e.publish(e.q, ready)
	for _, d := range c.take(3) {
		switch d.Event.ID {
		case retried.ID:
			c.retry(d, time.Second)
		case postponed.ID:
			c.postpone(d, time.Second)
		}
	}
	require.Subset(t, []string{lost.ID}, e.missing(asker, asked...), "it has as much as it may")
	c.close()
	e.subscribe(e.q, queue.Dispatch)
	e.awaitMissing(asker, []string{lost.ID}, asked...)
	require.Empty(t, e.missing(asker, waiting...))
	require.Empty(t, e.missing(asker))
}

func missingLost(t *testing.T, e *env) {
	asker := openReady(t, e.h) // As another process, it knows nothing.
	c := e.subscribe(e.q, queue.Dispatch)
	lost := e.events(3, "key")
	e.awaitMissing(asker, idsOf(lost), lost...)
	e.redeliver(redeliveries(lost)...)
	e.awaitMissing(asker, nil, lost...)
	for _, ev := range lost {
		d := c.one()
		requireSame(t, ev, d.Event)
		c.ack(d)
	}
	c.none()
	e.depth(e.q, queue.Dispatch, 0)
}

func missingQueues(t *testing.T, e *env) {
	asker := openReady(t, e.h) // As another process, it knows nothing.
	e.bots = queue.Bots{e.bot: 3}
	require.NoError(t, e.q.DeclareBots(t.Context(), e.bots))
	var waiting, lost []*event.Event
	for n := range 12 {
		waiting = append(waiting, e.event(fmt.Sprint("key-", n)))
		lost = append(lost, e.event(fmt.Sprint("key-", n)))
	}
	e.publish(e.q, waiting...)
	c := e.subscribe(e.q, queue.Dispatch)
	e.awaitMissing(asker, idsOf(lost), append(waiting, lost...)...)
	c.ack(c.take(12)...)
}

func missingReplay(t *testing.T, e *env) {
	asker := openReady(t, e.h) // As another process, it knows nothing.
	c := e.subscribe(e.q, queue.Dispatch)
	ev := e.event("key")
	e.redeliver(queue.Redelivery{Event: ev, Replays: 2})
	d := c.one()
	require.Empty(t, e.missingOf(asker, queue.Redelivery{Event: ev, Replays: 2}))
	c.ack(d)
}
