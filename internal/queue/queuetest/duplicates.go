package queuetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var duplicateCases = []testCase{
	{"in one call", duplicateInOneCall},
	{"one after another", duplicateSequential},
	{"at once", duplicateConcurrent},
	{"after the acknowledgement", duplicateAfterAck},
	{"from another handle", duplicateFromAnotherHandle},
	{"beside a new event", duplicateBesideNew},
}

// requireOnce consumes both groups one delivery at a time and demands that each event
// comes once and that nothing else does.
func (e *env) requireOnce(events ...*event.Event) {
	e.t.Helper()
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c := e.subscribe(e.q, group)
		var ids []string
		for range events {
			d := c.one()
			ids = append(ids, d.Event.ID)
			c.ack(d)
		}
		require.ElementsMatchf(e.t, idsOf(events), ids, "group %s", group)
		c.none()
		e.depth(e.q, group, 0)
		c.close()
	}
}

func duplicateInOneCall(_ *testing.T, e *env) {
	ev, other := e.event("key"), e.event("key")
	e.publish(e.q, ev, ev, other, ev)
	e.requireOnce(ev, other)
}

func duplicateSequential(_ *testing.T, e *env) {
	ev := e.event("key")
	for range 3 {
		e.publish(e.q, ev)
	}
	e.requireOnce(ev)
}

func duplicateConcurrent(t *testing.T, e *env) {
	ev := e.event("key")
	handles := []queue.Queue{e.q, e.open()}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	work, ctx := errgroup.WithContext(ctx)
	for n := range 16 {
		work.Go(func() error { return handles[n%len(handles)].Publish(ctx, ev) })
	}
	require.NoError(t, work.Wait())
	e.requireOnce(ev)
}

func duplicateAfterAck(_ *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev)
	e.requireOnce(ev)
	e.publish(e.q, ev)
	fence := e.event("key")
	e.publish(e.q, fence)
	e.requireOnce(fence)
}

// duplicateFromAnotherHandle keeps its consumers, because an engine may suppress a
// repeat that it accepted from another process only where it is consumed.
func duplicateFromAnotherHandle(t *testing.T, e *env) {
	ev, fence, other := e.event("key"), e.event("key"), e.open()
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c := e.subscribe(e.q, group)
		e.publish(e.q, ev)
		d := c.one()
		require.Equal(t, ev.ID, d.Event.ID)
		e.publish(other, ev) // A repeat of what is being worked on.
		c.ack(d)
		e.publish(other, ev) // A repeat of what is done.
		e.publish(other, fence)
		d = c.one()
		require.Equalf(t, fence.ID, d.Event.ID, "group %s got a repeat", group)
		c.ack(d)
		c.none()
		e.depth(e.q, group, 0)
		ev, fence = e.event("key"), e.event("key")
		c.close()
		e.drain()
	}
}

func duplicateBesideNew(_ *testing.T, e *env) {
	old, fresh := e.event("key"), e.event("key")
	e.publish(e.q, old)
	e.publish(e.q, old, fresh)
	e.requireOnce(old, fresh)
}
