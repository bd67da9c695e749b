package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

var (
	errQueueDeleted = errors.New("the queue was deleted")
	errCloseTimeout = errors.New("the broker does not close a channel")
)

// feed is a channel that consumes one queue, from its opening to its end. A channel of
// its own keeps the queue's delivery tags in order and its troubles to itself.
type feed struct {
	name     string // The queue's.
	channel  amqp.Acknowledger
	discards sync.WaitGroup
	failed   chan error

	// acking keeps acknowledgements in the order of the ledger, which the broker
	// relies on. Sending one only writes to a buffer.
	acking sync.Mutex
	ledger *ledger

	// The rest belongs to the consumer's lock.
	attached time.Time
	items    map[uint64]*item // By tag.
	ids      map[string]struct{}
	lanes    lanes[*item]
}

func newFeed(name string, channel amqp.Acknowledger) *feed {
	return &feed{
		name: name, channel: channel, failed: make(chan error, 1), ledger: newLedger(),
		items: map[uint64]*item{}, ids: map[string]struct{}{}, lanes: newLanes[*item](),
	}
}

// fail asks for the feed's end; the first reason counts.
func (f *feed) fail(err error) {
	select {
	case f.failed <- err:
	default:
	}
}

// feedFrom keeps a feed on a queue until the context ends.
func (c *consumer) feedFrom(ctx context.Context, name string) {
	for failures := 0; ; failures++ {
		s, err := c.queue.consuming.await(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		err = c.feedOnce(ctx, s, name)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > backoffMax {
			failures = 0
		}
		pause := backoff(failures)
		c.queue.config.Logger.Warn("consuming was interrupted", "queue", name, "error", explain(err), "retry_in", pause)
		sleep(ctx, pause)
	}
}

// feedOnce consumes until the channel or the context ends.
func (c *consumer) feedOnce(ctx context.Context, s *session, name string) error {
	ch, err := s.conn.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	defer closeChannel(s, ch, name)
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	cancels := ch.NotifyCancel(make(chan string, 1))
	if c.lane != "" {
		if err := c.queue.topology.declareParked(ch, c.lane); err != nil {
			return err
		}
	}
	if err := ch.Qos(c.prefetch, 0, false); err != nil {
		return fmt.Errorf("setting the prefetch: %w", err)
	}
	arriving, err := ch.Consume(name, "", false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consuming: %w", err)
	}
	f := newFeed(name, ch)
	c.attach(f)
	// What the consumer holds is lost before the broker can hand it to somebody else.
	defer c.detach(f)
	ctx, cancel := context.WithCancel(ctx)
	defer f.discards.Wait()
	defer cancel()
	for {
		select {
		case d, ok := <-arriving:
			if !ok {
				return closeReason(closes)
			}
			c.arrive(ctx, f, &d)
		case _, deleted := <-cancels:
			if !deleted {
				return closeReason(closes)
			}
			// The next session declares the queue again.
			s.fail(errQueueDeleted)
			return errQueueDeleted
		case err := <-f.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// closeReason is for a channel that has ended.
func closeReason(closes <-chan *amqp.Error) error {
	if err := <-closes; err != nil {
		return err
	}
	return errBrokerClosed
}

// returnTime bounds how long closing waits for the broker to take back what it gave. It
// has to write that to its disk.
const returnTime = 300 * time.Millisecond

// closeChannel gives everything unsettled back to the broker, in its order, and waits
// a moment until it has taken it. Cancelling the consumer first would be quicker, but it
// would let another consumer begin with later events of the same order key.
func closeChannel(s *session, ch *amqp.Channel, name string) {
	late := time.AfterFunc(closeTimeout, func() { s.fail(errCloseTimeout) })
	defer late.Stop()
	before, err := inspect(ch, name)
	// One that is closed already needs no more.
	if closing := ch.Close(); closing != nil || err != nil {
		return
	}
	// Where this does not work, the broker takes it back a little later.
	_ = s.withChannel(func(ch *amqp.Channel) error {
		for began := time.Now(); time.Since(began) < returnTime; {
			after, err := inspect(ch, name)
			if err != nil || after.Consumers < before.Consumers {
				return err
			}
		}
		return nil
	})
}

// inspect asks for a queue's counts.
func inspect(ch *amqp.Channel, name string) (amqp.Queue, error) {
	return ch.QueueDeclarePassive(name, true, false, false, false, nil)
}

// settle acknowledges deliveries, many at a time where it can. It returns ErrLost when
// the channel is gone.
func (f *feed) settle(tags ...uint64) error {
	f.acking.Lock()
	defer f.acking.Unlock()
	upTo, singles := f.ledger.settle(tags)
	var err error
	if upTo > 0 {
		err = f.channel.Ack(upTo, true)
	}
	for _, tag := range singles {
		err = errors.Join(err, f.channel.Ack(tag, false))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", queue.ErrLost, err)
	}
	return nil
}

// arrived must be called for each delivery, in the order of their tags.
func (f *feed) arrived() {
	f.acking.Lock()
	defer f.acking.Unlock()
	f.ledger.arrive()
}
