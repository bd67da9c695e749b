package queuetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// pulledCases are what holds for consumers of Dispatch that do nothing but receive, acknowledge and retry.
var pulledCases = []testCase{
	{"an acknowledged event never comes again", pulledAck},
	{"one delivery at a time for a key, keys side by side", orderByKey},
	{"the same key of two bots is two keys", orderByBot},
	{"holds across a restart", orderSurvivesRestart},
	{"holds with many consumers and retries", orderWithManyConsumers},
	{"comes again after the delay, others meanwhile", retryDelays},
	{"holds later events of the key back", retryKeepsOrder},
	{"without delay comes at once", retryAtOnce},
}

// RunPulled checks what is promised to those who have the events of Dispatch lent by somebody.
func RunPulled(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	h := open(t)
	shared := openReady(t, h)
	for _, c := range pulledCases {
		t.Run(c.name, func(t *testing.T) { c.run(t, newEnv(t, h, shared)) })
	}
}

func pulledAck(t *testing.T, e *env) {
	q := e.open()
	sent := e.events(3, "")
	e.publish(q, sent...)
	c := e.subscribe(q, queue.Dispatch)
	c.ack(c.one())
	rest := c.one()
	c.ack(rest)
	require.NoError(t, q.Close())

	c = e.subscribe(e.open(), queue.Dispatch)
	last := c.one()
	require.Equal(t, sent[2].ID, last.Event.ID)
	c.ack(last)
	c.none()
	e.depth(e.q, queue.Dispatch, 0)
}
