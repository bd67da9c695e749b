package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

var (
	errQueueDeleted = errors.New("the queue was deleted")
	errCloseTimeout = errors.New("the broker does not close a channel")
)

// subscription is a channel that consumes one queue, from its opening to its end. Each queue
// has its own channel, which keeps delivery tags in order and errors apart.
type subscription struct {
	name    string // The queue's.
	channel amqp.Acknowledger
	strays  bool                    // See [declaration].
	moves   sync.WaitGroup          // Of what nobody receives.
	fail    context.CancelCauseFunc // Ends it; the first reason counts.

	// acking keeps the acks that are sent in the order of [acks], which the broker relies
	// on. Sending one only writes to a buffer.
	acking sync.Mutex
	acks   *acks

	// The rest belongs to the consumer's lock.
	attached  time.Time
	items     map[uint64]*item // By tag.
	ids       map[string]struct{}
	orderKeys orderKeys[*item]
}

func newSubscription(name string, channel amqp.Acknowledger) *subscription {
	return &subscription{
		name: name, channel: channel, acks: newAcks(),
		items: map[uint64]*item{}, ids: map[string]struct{}{}, orderKeys: newOrderKeys[*item](),
	}
}

// subscribe keeps a subscription to a queue until the context ends.
func (c *consumer) subscribe(ctx context.Context, d declaration) {
	for failures := 0; ; {
		conn, err := c.queue.consuming.await(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		err = c.subscribeOnce(ctx, conn, d)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > reconnectBackoff.Max {
			failures = 0
		}
		failures++
		pause := reconnectBackoff.Delay(failures)
		c.queue.config.Logger.Warn("consuming was interrupted", "queue", d.name, "error", explain(err), "retry_in", pause)
		retry.Sleep(ctx, pause)
	}
}

// subscribeOnce consumes until the channel or the context ends. It declares the queue, which may have
// been deleted.
func (c *consumer) subscribeOnce(ctx context.Context, conn *connection, d declaration) error {
	ch, err := conn.amqp.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	defer closeChannel(conn, ch, d.name)
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	cancels := ch.NotifyCancel(make(chan string, 1))
	if err := declareQueues(ch, []declaration{d}); err != nil {
		return err
	}
	if err := ch.Qos(d.window(c.prefetch), 0, false); err != nil {
		return fmt.Errorf("setting the prefetch: %w", err)
	}
	arriving, err := ch.Consume(d.name, "", false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consuming: %w", err)
	}
	sub := newSubscription(d.name, ch)
	sub.strays = d.strays
	ctx, sub.fail = context.WithCancelCause(ctx)
	c.attach(sub)
	// The consumer loses its items before the broker can deliver them elsewhere.
	defer c.detach(sub)
	defer sub.moves.Wait()
	defer sub.fail(nil)
	for {
		select {
		case d, ok := <-arriving:
			if !ok {
				return closeReason(closes)
			}
			c.arrive(ctx, sub, &d)
		case _, deleted := <-cancels:
			if !deleted {
				return closeReason(closes)
			}
			return errQueueDeleted
		case <-ctx.Done():
			return context.Cause(ctx)
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
