package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// deadBatch is how many dead letters are in memory at a time.
	deadBatch = 32
	// browseTimeout bounds browsing whose context has no deadline.
	browseTimeout = 2 * time.Minute
	// browsePause is the pause between two polls of the broker.
	browsePause = 50 * time.Millisecond
	// transitWait is how long nothing may arrive from an empty queue before nothing can be in
	// transit any more.
	transitWait = 2 * time.Second
	// requeueWait bounds how long browse waits for the broker to requeue.
	requeueWait = 5 * time.Second
)

// deadMessage is a dead letter that is being browsed.
type deadMessage struct {
	*queue.DeadLetter
	message *amqp.Delivery
	isEvent bool
	// done has it acked.
	done bool
}

// browse calls use with the dead letters, in batches, until use has enough or has seen all that
// were there at the beginning, up to [queue.MaxDeadScan]. more is whether the queue holds others
// behind those.
//
// A broker's queue can only be read by consuming it. So what is not done stays unacknowledged,
// and is requeued to its place when the channel is closed. One at a time may browse, or the
// others would see only what the first one left: the lock is a queue that is exclusive to the
// connection, which the broker deletes when its holder dies.
func (q *Queue) browse(ctx context.Context, use func([]*deadMessage) (enough bool, err error)) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, browseTimeout)
	defer cancel()
	select {
	case q.browsing <- struct{}{}:
		defer func() { <-q.browsing }()
	case <-ctx.Done():
		return false, errBusy
	}
	conn, err := q.consumingConnection(ctx)
	if err != nil {
		return false, err
	}
	if err := q.lockDead(ctx, conn); err != nil {
		return false, err
	}
	// The lock ends with the connection, too.
	defer func() { _ = conn.withChannel(q.unlockDead) }()
	ch, err := conn.amqp.Channel()
	if err != nil {
		return false, fmt.Errorf("%w: opening a channel: %w", queue.ErrUnavailable, err)
	}
	b := &browser{ch: ch, name: q.topology.dead()}
	more, err = b.run(ctx, use)
	// Closing the channel requeues what is not acked. The broker writes that to its disk, and the next
	// one to browse is to see it.
	_ = ch.Close()
	conn.await(b.name, requeueWait, func(state amqp.Queue) bool { return state.Messages >= b.there-b.done })
	if err != nil && !errors.Is(err, queue.ErrUnconfirmed) {
		err = fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	return more, err
}

var errBusy = fmt.Errorf("%w: somebody else is browsing the dead letters", queue.ErrUnavailable)

// consumingConnection waits for the connection that consumes.
func (q *Queue) consumingConnection(ctx context.Context) (*connection, error) {
	q.mu.Lock()
	if q.ctx.Err() != nil {
		q.mu.Unlock()
		return nil, queue.ErrClosed
	}
	q.startConsuming()
	q.mu.Unlock()
	return q.consuming.connection(ctx)
}

// lockDead waits for the lock.
func (q *Queue) lockDead(ctx context.Context, conn *connection) error {
	for {
		err := conn.withChannel(func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(q.topology.deadLock(), false, false, true, false, nil)
			return err
		})
		var answer *amqp.Error
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &answer) || answer.Code != amqp.ResourceLocked:
			return fmt.Errorf("%w: locking the dead letters: %w", queue.ErrUnavailable, err)
		}
		if !retry.Sleep(ctx, browsePause) {
			return errBusy
		}
	}
}

func (q *Queue) unlockDead(ch *amqp.Channel) error {
	_, err := ch.QueueDelete(q.topology.deadLock(), false, false, false)
	return err
}

// browser browses the dead letters once.
type browser struct {
	ch    *amqp.Channel
	name  string
	there int // How many waited at the beginning.
	done  int
}

func (b *browser) run(ctx context.Context, use func([]*deadMessage) (bool, error)) (more bool, err error) {
	state, err := inspect(b.ch, b.name)
	if err != nil {
		return false, err
	}
	b.there = state.Messages
	for left := min(b.there, queue.MaxDeadScan); left > 0; {
		batch, err := b.take(ctx, min(left, deadBatch))
		if err != nil {
			return false, err
		}
		if len(batch) == 0 {
			break // Somebody consumes them.
		}
		left -= len(batch)
		enough, err := use(batch)
		if err == nil {
			err = b.settle(batch)
		}
		if enough || err != nil {
			return true, err
		}
	}
	return b.there > queue.MaxDeadScan, nil
}

// settle acks what is done.
func (b *browser) settle(batch []*deadMessage) error {
	for _, l := range batch {
		if !l.done {
			continue
		}
		if err := b.ch.Ack(l.message.DeliveryTag, false); err != nil {
			return err
		}
		b.done++
	}
	return nil
}

// take gets the next dead letters, by a subscription whose prefetch they use up, so that the
// broker sends no more.
func (b *browser) take(ctx context.Context, n int) ([]*deadMessage, error) {
	if err := b.ch.Qos(n, 0, false); err != nil {
		return nil, err
	}
	tag := fmt.Sprintf("browse-%d", time.Now().UnixNano())
	arriving, err := b.ch.Consume(b.name, tag, false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	var batch []*deadMessage
	for len(batch) < n {
		d, err := b.next(ctx, arriving)
		if err != nil {
			return nil, err
		}
		if d == nil {
			break
		}
		batch = append(batch, newDeadMessage(d))
	}
	if err := b.ch.Cancel(tag, false); err != nil {
		return nil, err
	}
	// What was in transit when the subscription ended.
	for d := range arriving {
		batch = append(batch, newDeadMessage(&d))
	}
	return batch, nil
}

// next waits for a message; nil when somebody else consumed the rest.
func (b *browser) next(ctx context.Context, arriving <-chan amqp.Delivery) (*amqp.Delivery, error) {
	silence := time.NewTicker(transitWait)
	defer silence.Stop()
	for {
		select {
		case d, open := <-arriving:
			if !open {
				return nil, errBrokerClosed
			}
			return &d, nil
		case <-silence.C:
			if state, err := inspect(b.ch, b.name); err != nil || state.Messages == 0 {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func newDeadMessage(m *amqp.Delivery) *deadMessage {
	e, err := parseEvent(m)
	if err != nil {
		e = salvage(m)
	}
	return &deadMessage{
		DeadLetter: &queue.DeadLetter{Event: e, DeadInfo: *deadInfo(m), Size: int64(len(m.Body))},
		message:    m, isEvent: err == nil,
	}
}
