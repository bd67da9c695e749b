package queuetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var redriveCases = []testCase{
	{"brings an event back to the group that dead-lettered it", redrive},
	{"keeps an order key in order", redriveOrder},
	{"is for dead letters only", redriveOthers},
	{"dead letters can be gone through", eachDead},
	{"outcomes travel with the event", deadOutcomes},
}

// kill publishes an event and dead-letters it.
func (e *env) kill(group queue.Group, ev *event.Event) {
	e.t.Helper()
	e.publish(e.q, ev)
	c := e.subscribe(e.q, group)
	c.deadLetter(c.one(), "refused for good")
	c.close()
	e.depth(e.q, queue.Dead, 1)
}

func redrive(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		ev := e.event("key")
		ev.Data = []byte{0, 1, 2, 0xff}
		e.kill(group, ev)
		dead := e.subscribe(e.q, queue.Dead)
		c := e.subscribe(e.q, group)
		require.NoError(t, dead.Redrive(t.Context(), dead.one()))
		d := c.one()
		requireSame(t, ev, d.Event)
		require.Equal(t, 1, d.Attempt)
		require.Nil(t, d.Dead)
		c.ack(d)
		c.none()
		dead.none()
		e.depth(e.q, queue.Dead, 0)
		dead.close()
		c.close()
		e.drain()
	}
}

// redriveOrder redrives an event while a later one of its key is under way.
func redriveOrder(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.kill(queue.Dispatch, sent[0])
	e.publish(e.q, sent[1:]...)
	c, dead := e.subscribe(e.q, queue.Dispatch), e.subscribe(e.q, queue.Dead)
	under := c.one()
	require.Equal(t, sent[1].ID, under.Event.ID)
	require.NoError(t, dead.Redrive(t.Context(), dead.one()))
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

func redriveOthers(t *testing.T, e *env) {
	e.publish(e.q, e.event("key"))
	c := e.subscribe(e.q, queue.Record)
	d := c.one()
	require.Error(t, c.Redrive(t.Context(), d))
	c.ack(d)
}

func eachDead(t *testing.T, e *env) {
	look := func(limit int, each func(queue.Consumer, *queue.Delivery) error) int64 {
		t.Helper()
		all, err := queue.EachDead(t.Context(), e.q, limit, each)
		require.NoError(t, err)
		return all
	}
	require.Zero(t, look(10, nil))
	var sent []*event.Event
	for i := range 20 {
		sent = append(sent, e.event(fmt.Sprint(i)))
	}
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Dispatch)
	for range sent {
		c.deadLetter(c.one(), "refused")
	}
	for range 2 { // A look takes nothing out.
		e.depth(e.q, queue.Dead, 20)
		var seen []string
		require.Equal(t, int64(20), look(queue.MaxDead, func(_ queue.Consumer, d *queue.Delivery) error {
			seen = append(seen, d.Event.ID)
			require.Equal(t, "refused", d.Dead.Reason)
			require.NotEmpty(t, d.Event.Data)
			return nil
		}))
		require.ElementsMatch(t, idsOf(sent), seen)
	}
	dropped := 0
	require.Equal(t, int64(20), look(5, func(c queue.Consumer, d *queue.Delivery) error {
		dropped++
		return c.Ack(t.Context(), d)
	}))
	require.Equal(t, 5, dropped)
	e.depth(e.q, queue.Dead, 15)
	broken := errors.New("broken")
	_, err := queue.EachDead(t.Context(), e.q, 5, func(queue.Consumer, *queue.Delivery) error { return broken })
	require.ErrorIs(t, err, broken)
	e.depth(e.q, queue.Dead, 15)
}

func deadOutcomes(t *testing.T, e *env) {
	e.publish(e.q, e.event("key"))
	c := e.subscribe(e.q, queue.Dispatch)
	at := time.Now().UTC().Truncate(time.Microsecond)
	var want []queue.Outcome
	for n := 1; n <= queue.MaxOutcomes+2; n++ {
		d := c.one()
		require.Equal(t, want, d.Outcomes)
		outcome := queue.Outcome{Attempt: n, At: at.Add(time.Duration(n) * time.Second), StatusCode: 500 + n, Error: "the bot answered"}
		d.Note(outcome)
		if want = append(want, outcome); len(want) > queue.MaxOutcomes {
			want = slices.Delete(want, 1, 2) // The first one is kept.
		}
		if n == queue.MaxOutcomes+2 {
			c.deadLetter(d, "out of attempts")
			break
		}
		c.retry(d, 0)
	}
	dead := e.subscribe(e.q, queue.Dead)
	require.Equal(t, want, dead.one().Dead.Outcomes)
}
