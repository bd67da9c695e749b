package queuetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var redriveCases = []testCase{
	{"brings an event to the group that dead-lettered it, at once and from the start", redrive},
	{"can be repeated when the event is dead-lettered again", redriveTwice},
	{"of Record", redriveRecord},
	{"keeps an order key in order", redriveOrder},
	{"leaves the rest beyond its limit", redriveLimit},
}

func (e *env) redrive(filter queue.DeadFilter, want int) {
	e.t.Helper()
	result, err := e.q.Redrive(e.t.Context(), queue.DeadQuery{DeadFilter: filter, Limit: 100})
	require.NoError(e.t, err)
	require.Equal(e.t, queue.DeadResult{Done: want}, result)
}

func redrive(t *testing.T, e *env) {
	ev, other := e.event("key"), e.event("other")
	e.kill(e.q, refused, ev, other)
	c := e.subscribe(e.q, queue.Dispatch)
	e.redrive(queue.DeadFilter{ID: ev.ID}, 1)
	d := c.one()
	requireSame(t, ev, d.Event)
	require.Equal(t, 1, d.Attempt)
	require.Equal(t, 1, d.Replays)
	require.Empty(t, d.Outcomes)
	require.Nil(t, d.Dead)
	require.Equal(t, []string{other.ID}, e.listIDs(queue.DeadQuery{Limit: 10}))
	record := e.subscribe(e.q, queue.Record)
	news := record.one()
	change, err := event.ParseChange(news.Event)
	require.NoError(t, err)
	require.Equal(t, ev.ID, change.EventID)
	require.Equal(t, event.StatusReplayed, change.Status)
	require.Equal(t, 1, change.Replays)
	record.ack(news)
	record.none()
	c.ack(d)
	c.none()
	e.redrive(queue.DeadFilter{ID: ev.ID}, 0)
}

func redriveTwice(t *testing.T, e *env) {
	ev := e.event("key")
	e.kill(e.q, refused, ev)
	c := e.subscribe(e.q, queue.Dispatch)
	for n := 1; n <= 3; n++ {
		e.redrive(queue.DeadFilter{Bot: e.bot}, 1)
		d := c.one()
		require.Equal(t, n, d.Replays)
		require.Equal(t, 1, d.Attempt)
		c.retry(d, 0)
		d = c.one()
		require.Equal(t, n, d.Replays)
		require.Equal(t, 2, d.Attempt)
		c.deadLetter(d, "again")
		e.depth(e.q, queue.Dead, 1)
		listed := e.list(e.q, queue.DeadQuery{Limit: 10})
		require.Equal(t, n, listed[0].Replays)
		require.Equal(t, 2, listed[0].Attempts)
	}
	c.none()
}

func redriveRecord(t *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev)
	c := e.subscribe(e.q, queue.Record)
	c.deadLetter(c.one(), "the store refuses it")
	e.depth(e.q, queue.Dead, 1)
	e.redrive(queue.DeadFilter{}, 1)
	d := c.one()
	requireSame(t, ev, d.Event)
	c.ack(d)
	c.none()
	dispatch := e.subscribe(e.q, queue.Dispatch)
	dispatch.ack(dispatch.one())
	dispatch.none()
}

// redriveOrder replays an event while a later one of its key is under way.
func redriveOrder(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.kill(e.q, refused, sent[0])
	e.publish(e.q, sent[1:]...)
	c := e.subscribe(e.q, queue.Dispatch)
	under := c.one()
	require.Equal(t, sent[1].ID, under.Event.ID)
	e.redrive(queue.DeadFilter{}, 1)
	c.none()
	c.ack(under)
	var rest []string
	for range 2 {
		d := c.one()
		rest = append(rest, d.Event.ID)
		c.none()
		c.ack(d)
	}
	require.ElementsMatch(t, []string{sent[0].ID, sent[2].ID}, rest)
	e.depth(e.q, queue.Dispatch, 0)
}

func redriveLimit(t *testing.T, e *env) {
	var sent []*event.Event
	for i := range 5 {
		sent = append(sent, e.event(fmt.Sprint(i)))
	}
	e.kill(e.q, refused, sent...)
	query := queue.DeadQuery{Limit: 2}
	for _, want := range []int{2, 2, 1} {
		result, err := e.q.Redrive(t.Context(), query)
		require.NoError(t, err)
		require.Equal(t, want, result.Done)
		require.Equal(t, want == 1, result.Next == "")
		query.After = result.Next
	}
	e.depth(e.q, queue.Dead, 0)
	c := e.subscribe(e.q, queue.Dispatch)
	ds := c.take(5)
	require.ElementsMatch(t, idsOf(sent), deliveredIDs(ds))
	c.ack(ds...)
}
