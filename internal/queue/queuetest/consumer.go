package queuetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/queue"
)

// consumer is a subscription whose methods fail the test instead of returning errors.
type consumer struct {
	queue.Consumer
	e *env
}

// subscribe starts a consumer that is closed at the end of the test at the latest.
func (e *env) subscribe(q queue.Queue, group queue.Group) *consumer {
	e.t.Helper()
	return e.subscribeWith(q, group, queue.SubscribeOptions{})
}

func (e *env) subscribeWith(q queue.Queue, group queue.Group, opts queue.SubscribeOptions) *consumer {
	e.t.Helper()
	opts.Bots = e.bots
	c, err := q.Subscribe(e.t.Context(), group, opts)
	require.NoError(e.t, err)
	// The test may have closed the consumer or its queue before: that it can be closed
	// again without an error is part of what is tested.
	e.t.Cleanup(func() { require.NoError(e.t, c.Close()) })
	return &consumer{c, e}
}

// take waits for exactly n deliveries.
func (c *consumer) take(n int) []*queue.Delivery {
	c.e.t.Helper()
	ctx, cancel := context.WithTimeout(c.e.t.Context(), patience)
	defer cancel()
	var taken []*queue.Delivery
	for len(taken) < n {
		ds, err := c.Receive(ctx, n-len(taken))
		require.NoErrorf(c.e.t, err, "got %d of %d deliveries", len(taken), n)
		require.NotEmpty(c.e.t, ds)
		require.LessOrEqual(c.e.t, len(ds), n-len(taken), "more deliveries than the limit")
		taken = append(taken, ds...)
	}
	return taken
}

// one waits for the next delivery.
func (c *consumer) one() *queue.Delivery {
	c.e.t.Helper()
	return c.take(1)[0]
}

// none demands that nothing comes for a while.
func (c *consumer) none() {
	c.e.t.Helper()
	ctx, cancel := context.WithTimeout(c.e.t.Context(), silence)
	defer cancel()
	ds, err := c.Receive(ctx, 1)
	require.Emptyf(c.e.t, ds, "got %v, expected nothing", deliveredIDs(ds))
	require.ErrorIs(c.e.t, err, context.DeadlineExceeded)
}

// ack takes deliveries out of the queue.
func (c *consumer) ack(ds ...*queue.Delivery) {
	c.e.t.Helper()
	require.NoError(c.e.t, c.Ack(c.e.t.Context(), ds...))
}

// retry gives a delivery back.
func (c *consumer) retry(d *queue.Delivery, delay time.Duration) {
	c.e.t.Helper()
	require.NoError(c.e.t, c.Retry(c.e.t.Context(), d, delay))
}

// postpone gives a delivery back untried.
func (c *consumer) postpone(d *queue.Delivery, delay time.Duration) {
	c.e.t.Helper()
	require.NoError(c.e.t, c.Postpone(c.e.t.Context(), d, delay))
}

// deadLetter moves a delivery to the dead letters.
func (c *consumer) deadLetter(d *queue.Delivery, reason string) {
	c.e.t.Helper()
	require.NoError(c.e.t, c.DeadLetter(c.e.t.Context(), d, reason))
}

// close ends the subscription.
func (c *consumer) close() {
	c.e.t.Helper()
	require.NoError(c.e.t, c.Close())
}

func deliveredIDs(ds []*queue.Delivery) []string {
	ids := make([]string, len(ds))
	for i, d := range ds {
		ids[i] = d.Event.ID
	}
	return ids
}
