package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/queue"
)

// session is one run of a Dispatcher: what its deliveries have in common.
type session struct {
	*Dispatcher
	consumer queue.Consumer
	outlet   *outlet
	// starting ends when Run has to end; no attempt begins after it.
	starting context.Context
	// attempts ends when those under way have had their time, see [Dispatcher.Drain].
	attempts context.Context
	// settling ends [Grace] after that, so that an answer that is there by then counts.
	settling context.Context
}

// Run delivers until ctx ends, and returns nil then, or until the queue ends the
// subscription. Attempts under way get [Dispatcher.Drain] to finish; what is not settled
// within [Grace] after that goes back to the queue. Run may be called again after it
// returned.
func (d *Dispatcher) Run(ctx context.Context) (err error) {
	consumer, err := d.cfg.Queue.Subscribe(ctx, queue.Dispatch, queue.SubscribeOptions{
		Prefetch: d.cfg.Prefetch, PrefetchMost: d.cfg.prefetchMost, Bots: d.cfg.Bots.Queues(),
		OnRetryNow: d.retryNow, OnGiveUp: d.holds.giveUp,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("subscribing to the queue: %w", err)
	}
	d.trouble.Store(nil)
	defer func() {
		d.trouble.Store(&errNotRunning)
		d.clients.closeIdle()
		if cerr := consumer.Close(); cerr != nil && !errors.Is(cerr, queue.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("closing the subscription: %w", cerr))
		}
	}()
	if err := d.consume(ctx, consumer); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// consume handles what the consumer receives, each delivery in a goroutine of its own.
func (d *Dispatcher) consume(ctx context.Context, consumer queue.Consumer) error {
	group, starting := errgroup.WithContext(ctx)
	// The queue delivers no more of each bot at once, but what a lost connection took
	// along comes again while the first copy is still being worked on.
	held := 2 // The receiver, and who lets probes go.
	for _, queues := range d.cfg.Bots.Queues() {
		held += max(d.cfg.prefetchMost, queues)
	}
	group.SetLimit(held)
	attempts, endAttempts := outlasting(starting, d.drain)
	defer endAttempts()
	settling, endSettling := outlasting(attempts, Grace)
	defer endSettling()
	s := &session{
		Dispatcher: d, consumer: consumer, outlet: newOutlet(d.cfg.Queue.Ready),
		starting: starting, attempts: attempts, settling: settling,
	}
	group.Go(func() error { s.slots.run(starting); return nil })
	group.Go(func() error { return s.receive(group) }) //nolint:contextcheck // each step has its context in the session
	return group.Wait()
}

// outlasting returns a context that ends the given time after ctx did.
func outlasting(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(by):
			cancel()
		}
	})
	return longer, func() {
		forget()
		cancel()
	}
}

// receive starts a goroutine for each delivery. The queue delivers one message of an
// order key at a time, so whatever is held at once may go out at once.
func (s *session) receive(group *errgroup.Group) error {
	for {
		deliveries, err := s.consumer.Receive(s.starting, s.cfg.Prefetch)
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		for _, delivery := range deliveries {
			group.Go(func() error { return s.handle(delivery) })
		}
	}
}
