package rabbitmq_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/queuetest"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestParkWhileConnectionsAreCut parks and consumes the lot over connections that are cut
// again and again: every event comes.
func TestParkWhileConnectionsAreCut(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	proxy := testsvc.StartProxy(t, address)
	steady := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix})
	shaky := openReady(t, rabbitmq.Config{URL: proxy.URL, Prefix: prefix})
	sent := make([]*event.Event, 400)
	for i := range sent {
		sent[i] = newEvent(t, "key")
	}
	require.NoError(t, steady.Publish(t.Context(), sent...))
	c, err := shaky.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{Prefetch: 50})
	require.NoError(t, err)
	lot, err := steady.Subscribe(t.Context(), queue.ParkingLot(queuetest.ParkingLots[0]), queue.SubscribeOptions{})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	came := collect(ctx, t, lot)
	parked := make(chan error, 1)
	go func() { parked <- parkAll(ctx, c) }()
	has := func(n int) func() bool {
		return func() bool { return came.has(sent[n].ID) }
	}
	for n := 50; n < len(sent); n += 100 {
		require.Eventually(t, has(n), patience, 2*time.Millisecond)
		proxy.Cut()
	}
	for n := range sent {
		require.Eventually(t, has(n), patience, 5*time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-parked, context.Canceled)
	came.wait()
}

// parkAll parks what comes; what is unconfirmed it parks again, and what is lost comes again.
func parkAll(ctx context.Context, c queue.Consumer) error {
	for {
		ds, err := c.Receive(ctx, 20)
		if err != nil {
			return err
		}
		for err = queue.ErrUnavailable; err != nil && !errors.Is(err, queue.ErrLost); {
			if err = c.Park(ctx, queuetest.ParkingLots[0], ds...); ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

// TestParkAfterTheParkingLotWasDeleted has somebody delete the queue of a lot that is in use.
func TestParkAfterTheParkingLotWasDeleted(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix})
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	ch := dialChannel(t, address)
	for range 2 {
		e := newEvent(t, "key")
		require.NoError(t, q.Publish(t.Context(), e))
		d := receiveOne(t, c)
		require.Eventually(t, func() bool {
			return c.Park(t.Context(), queuetest.ParkingLots[1], d) == nil
		}, patience, 10*time.Millisecond)
		_, err := ch.QueueDelete(prefix+".record.parked."+queuetest.ParkingLots[1], false, false, false)
		require.NoError(t, err)
	}
}
