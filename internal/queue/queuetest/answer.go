package queuetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var answerCases = []testCase{
	{"is taken once by who waits", answerOnce},
	{"of a later attempt is taken", answerOfRetry},
	{"that there is none ends the wait", answerNone},
	{"is not taken where nobody waits", answerToNobody},
	{"goes to the publisher among several", answerAmongSeveral},
	{"of a large body is whole", answerLarge},
	{"to a publisher that ended is not taken", answerToGone},
	{"that is late waits beside what its bot has", answerLate},
}

func said(text string) *event.Answer {
	return &event.Answer{ContentType: "application/json; charset=utf-8", Body: []byte(text)}
}

// awaited publishes an event whose answer is waited for.
func (e *env) awaited(q queue.Queue) (*event.Event, *desk.Waiter) {
	e.t.Helper()
	ev := e.event("")
	ev.ReplyBy, ev.Ephemeral = time.Now().Add(patience), true
	ev.Normalize()
	w := q.Desk().Wait(e.bot, ev.ID, ev.ReplyBy)
	require.NotNil(e.t, w)
	e.publish(q, ev)
	return ev, w
}

// answer offers an answer, and demands that what becomes of it is known soon.
func (c *consumer) answer(d *queue.Delivery, answer *event.Answer) (taken bool) {
	c.e.t.Helper()
	ctx, cancel := context.WithTimeout(c.e.t.Context(), patience)
	defer cancel()
	taken = c.Answer(ctx, d, answer)
	require.NoError(c.e.t, ctx.Err())
	return taken
}

func answerOnce(_ *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Dispatch)
	ev, w := e.awaited(e.q)
	d := c.one()
	requireSame(e.t, ev, d.Event)
	require.True(e.t, c.answer(d, said("first")))
	require.False(e.t, c.answer(d, said("second")))
	require.Equal(e.t, said("first"), w.Answer(e.t.Context()))
	c.ack(d)
	c.none()
}

func answerOfRetry(_ *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Dispatch)
	_, w := e.awaited(e.q)
	c.retry(c.one(), 0)
	d := c.one()
	require.Equal(e.t, 2, d.Attempt)
	require.True(e.t, c.answer(d, said("of the second")))
	require.Equal(e.t, said("of the second"), w.Answer(e.t.Context()))
	c.ack(d)
}

func answerNone(_ *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Dispatch)
	_, w := e.awaited(e.q)
	d := c.one()
	require.False(e.t, c.answer(d, nil))
	require.Nil(e.t, w.Answer(e.t.Context()))
	require.False(e.t, w.IsOver(time.Now()))
	require.False(e.t, c.answer(d, said("nevertheless")))
	c.ack(d)
}

func answerToNobody(_ *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Dispatch)
	e.publish(e.q, e.event(""))
	d := c.one()
	require.True(e.t, d.Event.ReplyBy.IsZero())
	require.False(e.t, c.answer(d, said("unasked")))
	require.False(e.t, c.answer(d, nil))
	c.ack(d)

	_, w := e.awaited(e.q)
	w.Leave()
	d = c.one()
	require.False(e.t, c.answer(d, said("late")))
	c.ack(d)
}

func answerAmongSeveral(_ *testing.T, e *env) {
	if !e.h.Answers {
		e.t.Skip("answers stay in the process")
	}
	publishers := []queue.Queue{e.open(), e.open(), e.q}
	var waits errgroup.Group
	for n := range 60 {
		ev, w := e.awaited(publishers[n%len(publishers)])
		waits.Go(func() error {
			if got := w.Answer(e.t.Context()); got == nil || string(got.Body) != ev.ID {
				return fmt.Errorf("event %s was answered with %+v", ev.ID, got)
			}
			return nil
		})
	}
	c := e.subscribe(e.open(), queue.Dispatch)
	for range 60 {
		d := c.one()
		require.True(e.t, c.answer(d, said(d.Event.ID)))
		c.ack(d)
	}
	require.NoError(e.t, waits.Wait())
}

func answerLarge(_ *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Dispatch)
	_, w := e.awaited(e.q)
	d := c.one()
	large := &event.Answer{Body: bytes.Repeat([]byte{0, 0xff, '\n', 'a'}, event.MaxAnswer/4)}
	require.True(e.t, c.answer(d, large))
	require.Equal(e.t, large, w.Answer(e.t.Context()))
	c.ack(d)
}

func answerToGone(_ *testing.T, e *env) {
	gone := e.open()
	e.awaited(gone)
	require.NoError(e.t, gone.Close())
	c := e.subscribe(e.q, queue.Dispatch)
	d := c.one()
	ctx, cancel := context.WithTimeout(e.t.Context(), silence)
	defer cancel()
	require.False(e.t, c.Answer(ctx, d, said("to nobody")))
	c.ack(d)
}

// late publishes the late answer to an event.
func (e *env) late(about *event.Event) *event.Event {
	e.t.Helper()
	late, err := event.NewLateAnswer(about, event.LateAnswer{Attempt: 1, Platform: "slack", Body: []byte("{}"), Until: time.Now().UTC()})
	require.NoError(e.t, err)
	require.NoError(e.t, e.q.PublishTo(e.t.Context(), queue.Dispatch, late))
	return late
}

// answerLate has as much of the bot be in flight as may be.
func answerLate(t *testing.T, e *env) {
	e.bots[event.LateAnswersOf(e.bot)] = 1
	t.Cleanup(func() { delete(e.bots, event.LateAnswersOf(e.bot)) })
	c := e.subscribeWith(e.q, queue.Dispatch, queue.SubscribeOptions{Prefetch: 2})
	about := e.event("key")
	e.publish(e.q, e.event("a"), e.event("b"), e.event("c"), about)
	held := c.take(2)
	late := e.late(about)
	d := c.one()
	require.Equal(t, late.ID, d.Event.ID)
	require.Equal(t, late.Bot, d.Event.Bot)
	require.Equal(t, late.Data, d.Event.Data)
	e.depth(e.q, queue.OfBot(e.bot), 5)
	c.retry(d, 0)
	d = c.one()
	require.Equal(t, 2, d.Attempt)
	c.ack(d)
	c.ack(held...)
	c.ack(c.take(2)...)
	e.depth(e.q, queue.OfBot(e.bot), 0)
	e.depth(e.q, queue.OfBot(late.Bot), 0)
}
