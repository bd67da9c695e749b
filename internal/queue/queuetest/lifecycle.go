package queuetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

var lifecycleCases = []testCase{
	{"a closed queue says so", closedQueue},
	{"close during publishes loses none that was confirmed", closeWhilePublishing},
	{"depths count what waits and what is worked on", depthsCount},
	{"an open queue is ready", openIsReady},
}

func closedQueue(t *testing.T, e *env) {
	q := e.open()
	c := e.subscribe(q, queue.Record)
	require.NoError(t, q.Close())
	require.NoError(t, q.Close(), "closing twice is safe")
	require.NoError(t, c.Close(), "so is closing a consumer after its queue")

	ctx := t.Context()
	require.ErrorIs(t, q.Publish(ctx, e.event("key")), queue.ErrClosed)
	_, err := q.Subscribe(ctx, queue.Record, queue.SubscribeOptions{})
	require.ErrorIs(t, err, queue.ErrClosed)
	require.ErrorIs(t, q.Ready(ctx), queue.ErrClosed)
	_, err = q.Depths(ctx)
	require.ErrorIs(t, err, queue.ErrClosed)
	e.depth(e.q, queue.Record, 0)
}

// closeWhilePublishing closes a handle under a caller that publishes as fast as it can.
func closeWhilePublishing(t *testing.T, e *env) {
	q := e.open()
	sent := e.manyKeys(2000)
	confirmed := make(chan []string, 1)
	started := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		var ids []string
		for _, ev := range sent {
			if err := q.Publish(context.Background(), ev); err != nil {
				ended <- err
				break
			}
			if ids = append(ids, ev.ID); len(ids) == 10 {
				close(started)
			}
		}
		confirmed <- ids
	}()
	<-started
	require.NoError(t, q.Close())
	ids := <-confirmed
	select {
	case err := <-ended:
		require.Truef(t, errors.Is(err, queue.ErrClosed) || errors.Is(err, queue.ErrUnconfirmed), "got %v", err)
	default:
		require.Len(t, ids, len(sent), "publishing ended without an error")
	}

	got, err := e.empty(t.Context(), queue.Record)
	require.NoError(t, err)
	require.Subset(t, got, ids)
}

func depthsCount(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.publish(e.q, sent...)
	e.publish(e.q, e.change(sent[0]))
	e.depth(e.q, queue.Record, 4)
	e.depth(e.q, queue.Dispatch, 3)

	c := e.subscribe(e.q, queue.Dispatch)
	d := c.one()
	e.depth(e.q, queue.Dispatch, 3)
	c.ack(d)
	e.depth(e.q, queue.Dispatch, 2)
	c.retry(c.one(), 0)
	e.depth(e.q, queue.Dispatch, 2)
	c.deadLetter(c.one(), "refused")
	e.depth(e.q, queue.Dispatch, 1)
	e.depth(e.q, queue.Dead, 1)
	e.depth(e.q, queue.Record, 4)

	depths, err := e.q.Depths(t.Context())
	require.NoError(t, err)
	for _, group := range groups {
		require.Contains(t, depths, group)
	}
}

// openIsReady waits, because an engine may open its connection in the background.
func openIsReady(t *testing.T, e *env) {
	q := e.open()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return q.Ready(ctx) == nil
	}, patience, tick)
}
