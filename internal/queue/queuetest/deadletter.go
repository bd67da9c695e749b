package queuetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var deadLetterCases = []testCase{
	{"keeps reason and attempts, after a restart", deadLetterKeepsOutcomes},
	{"lets later events of the key go on", deadLetterUnblocks},
	{"after N attempts, from any group", deadLetterAfterAttempts},
	{"dead letters stay until acknowledged", deadStay},
}

func deadLetterKeepsOutcomes(t *testing.T, e *env) {
	q := e.open()
	ev := e.event("key")
	ev.Data = []byte{0, 1, 2, 0xff}
	e.publish(q, ev)
	c := e.subscribe(q, queue.Dispatch)
	before := time.Now()
	c.retry(c.one(), 0)
	c.deadLetter(c.one(), "the bot answered 410")
	e.depth(q, queue.Dead, 1)
	e.depth(q, queue.Dispatch, 0)
	require.NoError(t, q.Close())

	c = e.subscribe(e.open(), queue.Dead)
	d := c.one()
	requireSame(t, ev, d.Event)
	require.Equal(t, 1, d.Attempt)
	require.NotNil(t, d.Dead)
	require.Equal(t, queue.Dispatch, d.Dead.Group)
	require.Equal(t, "the bot answered 410", d.Dead.Reason)
	require.Equal(t, 2, d.Dead.Attempts)
	require.WithinRange(t, d.Dead.At, before.Add(-time.Second), time.Now().Add(time.Second))
	c.ack(d)
	e.depth(e.q, queue.Dead, 0)
}

func deadLetterUnblocks(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Dispatch)
	c.deadLetter(c.one(), "refused")
	for _, want := range sent[1:] {
		d := c.one()
		require.Equal(t, want.ID, d.Event.ID)
		c.ack(d)
	}
	require.Equal(t, sent[0].ID, e.subscribe(e.q, queue.Dead).one().Event.ID)
}

func deadLetterAfterAttempts(t *testing.T, e *env) {
	const attempts = 3
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		ev := e.event("key")
		e.publish(e.q, ev)
		c := e.subscribe(e.q, group)
		for d := c.one(); ; d = c.one() {
			if d.Attempt >= attempts {
				c.deadLetter(d, "out of attempts")
				break
			}
			c.retry(d, 0)
		}
		c.none()
		dead := e.subscribe(e.q, queue.Dead)
		d := dead.one()
		require.Equal(t, ev.ID, d.Event.ID)
		require.Equal(t, group, d.Dead.Group)
		require.Equal(t, attempts, d.Dead.Attempts)
		dead.ack(d)
		dead.close()
		c.close()
		e.drain()
	}
}

func deadStay(t *testing.T, e *env) {
	sent := []*event.Event{e.event("a"), e.event("b")}
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Dispatch)
	for range sent {
		c.deadLetter(c.one(), "refused")
	}
	dead := e.subscribe(e.q, queue.Dead)
	looked := dead.take(2)
	require.ElementsMatch(t, idsOf(sent), deliveredIDs(looked))
	dead.ack(looked[0])
	dead.close()

	dead = e.subscribe(e.q, queue.Dead)
	d := dead.one()
	require.Equal(t, looked[1].Event.ID, d.Event.ID)
	require.Equal(t, "refused", d.Dead.Reason)
	require.Equal(t, 1, d.Attempt)
	dead.retry(d, 0)
	d = dead.one()
	require.Equal(t, 2, d.Attempt)
	require.Equal(t, looked[1].Event.ID, d.Event.ID)
	require.Equal(t, looked[1].Dead.Attempts, d.Dead.Attempts)
	dead.ack(d)
	dead.none()
	e.depth(e.q, queue.Dead, 0)
}
