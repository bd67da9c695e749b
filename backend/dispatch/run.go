package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/queue"
)

// Run delivers until ctx ends, and returns nil then, or until the queue ends the
// subscription. Attempts under way get [Config.Drain] to finish; what is not settled
// then goes back to the queue. Run may be called again after it returned.
func (d *Dispatcher) Run(ctx context.Context) (err error) {
	consumer, err := d.cfg.Queue.Subscribe(ctx, queue.Dispatch, queue.SubscribeOptions{Prefetch: d.cfg.Prefetch})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("subscribing to the queue: %w", err)
	}
	d.trouble.Store(nil)
	defer func() {
		d.trouble.Store(&errNotRunning)
		d.client.CloseIdleConnections()
		if cerr := consumer.Close(); cerr != nil && !errors.Is(cerr, queue.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("closing the subscription: %w", cerr))
		}
	}()

	attempts, stop := draining(ctx, d.cfg.Drain)
	defer stop()
	workers, receiving := errgroup.WithContext(ctx)
	for range workersPerRequest * d.cfg.Concurrency {
		// The queue hands out one delivery of an order key at a time, so workers need
		// no keys: whatever they hold at once may go out at once.
		workers.Go(func() error { return d.work(receiving, attempts, consumer) })
	}
	if err := workers.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// draining returns a context that ends the given time after ctx did.
func draining(ctx context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	drained, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		select {
		case <-drained.Done():
		case <-time.After(after):
			cancel()
		}
	})
	return drained, func() {
		forget()
		cancel()
	}
}

// work handles one delivery after the other. Receiving ends before the attempts do.
func (d *Dispatcher) work(receiving, attempts context.Context, consumer queue.Consumer) error {
	for {
		deliveries, err := consumer.Receive(receiving, 1)
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		for _, delivery := range deliveries {
			if err := d.handle(attempts, consumer, delivery); err != nil {
				return err
			}
		}
	}
}
