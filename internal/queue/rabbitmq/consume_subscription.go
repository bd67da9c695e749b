package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq/share"
	"github.com/botgate/botgate/internal/retry"
)

var (
	errCancelled    = errors.New("the broker cancelled the consumer")
	errQueueDeleted = errors.New("the queue was deleted")
	errRecalled     = errors.New("the queue is left to another process")
	errCloseTimeout = errors.New("the broker does not close a channel")
)

// subscription is a channel that consumes one queue, from its opening to its end. Each queue
// has its own channel, which keeps delivery tags in order and errors apart.
type subscription struct {
	*place
	channel    amqp.Acknowledger
	moves      sync.WaitGroup          // Of what nobody receives.
	fail       context.CancelCauseFunc // Ends it; the first reason counts.
	recalledAt time.Time

	// acking keeps the acks that are sent in the order of [acks], which the broker relies
	// on. Sending one only writes to a buffer.
	acking sync.Mutex
	acks   *acks

	// The rest belongs to the consumer's lock.
	since     time.Time        // When it began.
	items     map[uint64]*item // By tag.
	ids       map[string]struct{}
	orderKeys orderKeys[*item]
	drained   chan struct{} // Set while it is about to end; closed when nobody holds anything of it.
}

func newSubscription(p *place, channel amqp.Acknowledger) *subscription {
	return &subscription{
		place: p, channel: channel, acks: newAcks(),
		items: map[uint64]*item{}, ids: map[string]struct{}{}, orderKeys: newOrderKeys[*item](),
	}
}

// subscribe keeps a subscription to a queue, for as long as it is to be consumed, until the context
// ends.
func (c *consumer) subscribe(ctx context.Context, p *place) {
	for failures := 0; ; {
		wanted, err := p.await(ctx)
		if err != nil {
			return
		}
		conn, err := c.queue.consuming.await(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		err = c.subscribeOnce(ctx, conn, p, wanted)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errRecalled) {
			failures = 0
			continue
		}
		if errors.Is(err, errCancelled) {
			err = conn.whyCancelled(p.name)
		}
		if time.Since(began) > reconnectBackoff.Max {
			failures = 0
		}
		failures++
		pause := reconnectBackoff.Delay(failures)
		if errors.Is(err, errQueueDeleted) {
			pause = max(pause, cancelTime) // Others consumed it, too.
		}
		c.queue.config.Logger.Warn("consuming was interrupted", "queue", p.name, "error", explain(err), "retry_in", pause)
		retry.Sleep(ctx, pause)
	}
}

// subscribeOnce consumes until the channel or the context ends, or the queue is left to another
// process. It declares the queue, which may have been deleted.
func (c *consumer) subscribeOnce(ctx context.Context, conn *connection, p *place, wanted share.Place) (err error) {
	ch, err := conn.amqp.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	defer closeChannel(conn, ch, p.name)
	stream, err := c.consume(ch, p, wanted)
	if err != nil {
		return err
	}
	sub := newSubscription(p, ch)
	ctx, sub.fail = context.WithCancelCause(ctx)
	c.attach(sub)
	p.attached(wanted.Role)
	defer func() { p.detached(err, sub.recalledAt) }()
	// The consumer loses its items before the broker can deliver them elsewhere.
	defer c.detach(sub)
	defer sub.moves.Wait()
	defer sub.fail(nil)
	return c.pump(ctx, sub, stream)
}

// stream is what the broker tells of a subscription.
type stream struct {
	arriving <-chan amqp.Delivery
	closes   <-chan *amqp.Error
	cancels  <-chan string
}

// consume begins to consume.
func (c *consumer) consume(ch *amqp.Channel, p *place, wanted share.Place) (s stream, err error) {
	s.closes = ch.NotifyClose(make(chan *amqp.Error, 1))
	s.cancels = ch.NotifyCancel(make(chan string, 1))
	if err := declareQueues(ch, []declaration{p.declaration}); err != nil {
		return s, err
	}
	if err := ch.Qos(p.window(c.prefetchOfEach()), 0, false); err != nil {
		return s, fmt.Errorf("setting the prefetch: %w", err)
	}
	s.arriving, err = ch.Consume(p.name, "", false, false, false, false, consumeArgs(wanted))
	if err != nil {
		return s, fmt.Errorf("consuming: %w", err)
	}
	return s, nil
}

// consumeArgs has RabbitMQ 4 prefer the owner when it chooses the active consumer. Older ones take the
// one that waits for longest.
func consumeArgs(wanted share.Place) amqp.Table {
	if wanted.First {
		return amqp.Table{"x-priority": 1}
	}
	return nil
}

// pump takes what arrives until the subscription is to end, and returns why.
func (c *consumer) pump(ctx context.Context, sub *subscription, s stream) error {
	recall := sub.recalling().Done()
	var drained <-chan struct{}
	var late <-chan time.Time
	for delivered := false; ; {
		select {
		case d, ok := <-s.arriving:
			if !ok {
				return closeReason(s.closes)
			}
			if !delivered {
				delivered = true
				sub.delivered()
			}
			c.arrive(ctx, sub, &d)
		case _, cancelled := <-s.cancels:
			if !cancelled {
				return closeReason(s.closes)
			}
			return errCancelled
		case <-recall:
			sub.recalledAt = time.Now()
			recall, drained, late = nil, c.drain(sub), time.After(c.queue.config.Sharing.HandOverWait)
		case <-drained:
			return errRecalled
		case <-late:
			return errRecalled
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// whyCancelled finds out why the broker cancelled a consumer whose channel is closed by now: its queue
// is gone, or a delivery was held for too long (RabbitMQ 4.3).
func (conn *connection) whyCancelled(name string) error {
	err := conn.withChannel(func(ch *amqp.Channel) error {
		_, err := inspect(ch, name)
		return err
	})
	if answered(err, amqp.NotFound) {
		return errQueueDeleted
	}
	return fmt.Errorf("%w and takes its deliveries back, perhaps since one was held for longer than its consumer_timeout",
		errCancelled)
}

// closeReason is for a channel that has ended.
func closeReason(closes <-chan *amqp.Error) error {
	if err := <-closes; err != nil {
		return err
	}
	return errBrokerClosed
}

// requeueTime bounds how long closing waits until the broker has requeued what was
// unacknowledged, which it writes to its disk.
const requeueTime = 300 * time.Millisecond

// closeChannel has the broker requeue everything unacknowledged, in order, and waits a moment
// until it has. Cancelling the consumer first would be quicker, but another consumer could then
// begin with later events of the same order key.
func closeChannel(conn *connection, ch *amqp.Channel, name string) {
	late := time.AfterFunc(closeTimeout, func() { conn.fail(errCloseTimeout) })
	defer late.Stop()
	before, err := inspect(ch, name)
	// Nothing more to do for a channel that is closed already.
	if closing := ch.Close(); closing != nil || err != nil {
		return
	}
	conn.await(name, requeueTime, func(after amqp.Queue) bool { return after.Consumers < before.Consumers })
}

// requeuePoll is the pause between two looks at a queue.
const requeuePoll = 5 * time.Millisecond

// await looks at the counts of a queue until they are as wanted, but no longer than limit. If that
// fails, the broker gets there a little later.
func (conn *connection) await(name string, limit time.Duration, wanted func(amqp.Queue) bool) {
	ctx, cancel := context.WithTimeout(conn.life, limit)
	defer cancel()
	_ = conn.withChannel(func(ch *amqp.Channel) error {
		for {
			state, err := inspect(ch, name)
			if err != nil || wanted(state) || !retry.Sleep(ctx, requeuePoll) {
				return err
			}
		}
	})
}

// inspect asks for a queue's counts.
func inspect(ch *amqp.Channel, name string) (amqp.Queue, error) {
	return ch.QueueDeclarePassive(name, true, false, false, false, nil)
}

// settle acks deliveries, many at a time where it can. It returns ErrLost when the channel is
// closed.
func (sub *subscription) settle(tags ...uint64) error {
	sub.acking.Lock()
	defer sub.acking.Unlock()
	upTo, singles := sub.acks.settle(tags)
	var err error
	if upTo > 0 {
		err = sub.channel.Ack(upTo, true)
	}
	for _, tag := range singles {
		err = errors.Join(err, sub.channel.Ack(tag, false))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", queue.ErrLost, err)
	}
	return nil
}

// addTag must be called for each delivery, in the order of their tags.
func (sub *subscription) addTag() {
	sub.acking.Lock()
	defer sub.acking.Unlock()
	sub.acks.add()
}
