package queuetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

var receiveCases = []testCase{
	{"returns what is there, up to the limit", receiveLimit},
	{"waits for an event", receiveWaits},
	{"ends with its context", receiveContext},
	{"ends when the consumer is closed", receiveClosed},
	{"may be called concurrently", receiveConcurrently},
	{"prefetch bounds what a consumer holds", receivePrefetch},
}

func receiveLimit(t *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Record)
	e.publish(e.q, e.events(10, "key")...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for left := 10; left > 0; {
		ds, err := c.Receive(ctx, 3)
		require.NoError(t, err)
		require.NotEmpty(t, ds)
		require.LessOrEqual(t, len(ds), 3)
		left -= len(ds)
	}
	c.none()
}

func receiveWaits(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c := e.subscribe(e.q, group)
		ev := e.event("key")
		got := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		go func() {
			ds, err := c.Receive(ctx, 10)
			if err == nil && (len(ds) != 1 || ds[0].Event.ID != ev.ID) {
				err = errors.New("another delivery than expected")
			}
			got <- err
		}()
		e.publish(e.q, ev)
		require.NoError(t, <-got)
		cancel()
		c.close()
		e.drain()
	}
}

func receiveContext(t *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Record)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Receive(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	c.none() // Ends with a deadline.

	ev := e.event("key")
	e.publish(e.q, ev)
	require.Equal(t, ev.ID, c.one().Event.ID, "an abandoned Receive must not swallow an event")
}

func receiveClosed(t *testing.T, e *env) {
	q := e.open()
	for _, closing := range []func(*consumer) error{
		func(c *consumer) error { return c.Close() },
		func(*consumer) error { return q.Close() },
	} {
		c := e.subscribe(q, queue.Record)
		ended := make(chan error, 1)
		go func() {
			_, err := c.Receive(context.Background(), 1)
			ended <- err
		}()
		require.NoError(t, closing(c))
		select {
		case err := <-ended:
			require.ErrorIs(t, err, queue.ErrClosed)
		case <-time.After(patience):
			require.FailNow(t, "Receive did not end")
		}
		_, err := c.Receive(t.Context(), 1)
		require.ErrorIs(t, err, queue.ErrClosed)
	}
}

func receiveConcurrently(t *testing.T, e *env) {
	c := e.subscribe(e.q, queue.Record)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	type result struct {
		ds  []*queue.Delivery
		err error
	}
	results := make(chan result, 4)
	for range cap(results) {
		go func() {
			ds, err := c.Receive(ctx, 1)
			results <- result{ds, err}
		}()
	}
	sent := e.events(cap(results), "key")
	e.publish(e.q, sent...)
	var ids []string
	for range cap(results) {
		r := <-results
		require.NoError(t, r.err)
		ids = append(ids, deliveredIDs(r.ds)...)
	}
	require.ElementsMatch(t, idsOf(sent), ids)
}

func receivePrefetch(t *testing.T, e *env) {
	const prefetch = 4
	sent := e.events(12, "key")
	e.publish(e.q, sent...)
	c := e.subscribeWith(e.q, queue.Record, queue.SubscribeOptions{Prefetch: prefetch})
	held := c.take(prefetch)
	c.none()

	other := e.subscribe(e.open(), queue.Record)
	rest := other.take(len(sent) - prefetch)
	require.ElementsMatch(t, idsOf(sent), append(deliveredIDs(held), deliveredIDs(rest)...))

	other.close()
	c.ack(held[0])
	require.Contains(t, deliveredIDs(rest), c.one().Event.ID, "an acknowledgement makes room for one more")
	c.none()
}
