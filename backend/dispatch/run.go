package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// session is one run of a Dispatcher: what its deliveries have in common.
type session struct {
	*Dispatcher
	consumer queue.Consumer
	outlet   *outlet
	outcomes *outcomes
	// starting ends when Run has to end; no attempt begins after it.
	starting context.Context
	// attempts ends when those under way have had their time, see [Dispatcher.drain].
	attempts context.Context
	// settling ends [Grace] after that, so that an answer that is there by then counts.
	settling context.Context
	// inHand is how many deliveries are worked on; left wakes the receiver when one is done.
	inHand atomic.Int64
	left   retry.Wake
}

// Run delivers until ctx ends, and returns nil then, or until the queue ends the
// subscription. Attempts under way get up to [MaxDrain] to finish; what is not settled
// within [Grace] after that goes back to the queue. Run may be called again after it
// returned.
func (d *Dispatcher) Run(ctx context.Context) (err error) {
	consumer, err := d.cfg.Queue.Subscribe(ctx, queue.Dispatch, d.subscription())
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("subscribing to the queue: %w", err)
	}
	d.trouble.Store(nil)
	defer func() {
		d.trouble.Store(&errNotRunning)
		_ = d.consumes(nil) // Fails for a consumer only.
		d.clients.closeIdle()
		if cerr := consumer.Close(); cerr != nil && !errors.Is(cerr, queue.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("closing the subscription: %w", cerr))
		}
	}()
	if err := d.consumes(consumer); err != nil {
		return fmt.Errorf("following the bots: %w", err)
	}
	if err := d.consume(ctx, consumer); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// consume handles what the consumer receives, each delivery in a goroutine of its own.
func (d *Dispatcher) consume(ctx context.Context, consumer queue.Consumer) error {
	group, starting := errgroup.WithContext(ctx)
	attempts, endAttempts := outlasting(starting, d.drain)
	defer endAttempts()
	settling, endSettling := outlasting(attempts, func() time.Duration { return Grace })
	defer endSettling()
	s := &session{
		Dispatcher: d, consumer: consumer, outlet: newOutlet(d.cfg.Queue.Ready),
		outcomes: &outcomes{publish: d.cfg.Queue.Publish, ack: consumer.Ack},
		starting: starting, attempts: attempts, settling: settling, left: retry.NewWake(),
	}
	group.Go(func() error { s.slots.run(starting); return nil })
	group.Go(func() error { return s.receive(group) }) //nolint:contextcheck // each step has its context in the session
	return group.Wait()
}

// outlasting returns a context that ends the time after ctx did that is given then.
func outlasting(ctx context.Context, by func() time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		select {
		case <-longer.Done():
		case <-time.After(by()):
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
		deliveries, err := s.consumer.Receive(s.starting, s.fleet.Load().prefetch)
		if err != nil {
			return fmt.Errorf("receiving: %w", err)
		}
		for _, delivery := range deliveries {
			for s.inHand.Load() >= int64(s.fleet.Load().held()) && s.starting.Err() == nil {
				retry.Wait(s.starting, s.left, time.Second)
			}
			s.inHand.Add(1)
			group.Go(func() error {
				defer s.left.Signal()
				defer s.inHand.Add(-1)
				return s.handle(delivery)
			})
		}
	}
}
