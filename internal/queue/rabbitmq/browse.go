package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

const (
	// deadBatch is how many dead letters are in memory at a time.
	deadBatch = 32
	// browseTimeout bounds a look through the dead letters whose context has no deadline.
	browseTimeout = 2 * time.Minute
	// browsePause is the pause between two looks at what somebody else has to finish.
	browsePause = 50 * time.Millisecond
)

// letter is a dead letter while it is looked at.
type letter struct {
	*queue.DeadLetter
	message *amqp.Delivery
	isEvent bool
	// done has it taken out of the dead letters.
	done bool
}

// browse shows the dead letters to use, in batches, until use has enough or has seen all
// that were there at the beginning, up to [queue.MaxDeadScan]. more is whether the queue
// holds others behind those.
//
// A broker has no way to read a queue but to consume it. So what is not done is held
// unacknowledged, and goes back to its place when the channel is closed. One at a time may
// do that, or the others would see only what the first one left: the right to is a queue
// that is exclusive to the connection, which the broker takes back when the holder dies.
func (q *Queue) browse(ctx context.Context, use func([]*letter) (enough bool, err error)) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, browseTimeout)
	defer cancel()
	select {
	case q.browsing <- struct{}{}:
		defer func() { <-q.browsing }()
	case <-ctx.Done():
		return false, errBusy
	}
	s, err := q.consumingSession(ctx)
	if err != nil {
		return false, err
	}
	if err := q.lockDead(ctx, s); err != nil {
		return false, err
	}
	// When the connection is gone, so is the lock.
	defer func() { _ = s.withChannel(q.unlockDead) }()
	ch, err := s.conn.Channel()
	if err != nil {
		return false, fmt.Errorf("%w: opening a channel: %w", queue.ErrUnavailable, err)
	}
	b := &browser{ch: ch, name: q.topology.dead()}
	more, err = b.run(ctx, use)
	// Only a closed channel gives back what was looked at.
	_ = ch.Close()
	b.awaitReturn(ctx, s)
	if err != nil && !errors.Is(err, queue.ErrUnconfirmed) {
		err = fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	return more, err
}

var errBusy = fmt.Errorf("%w: somebody else is looking through the dead letters", queue.ErrUnavailable)

// consumingSession waits for the connection that consumes.
func (q *Queue) consumingSession(ctx context.Context) (*session, error) {
	q.mu.Lock()
	if q.ctx.Err() != nil {
		q.mu.Unlock()
		return nil, queue.ErrClosed
	}
	q.startConsuming()
	q.mu.Unlock()
	return q.consuming.session(ctx)
}

// lockDead waits until nobody else has the lock.
func (q *Queue) lockDead(ctx context.Context, s *session) error {
	for {
		err := s.withChannel(func(ch *amqp.Channel) error {
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
		if sleep(ctx, browsePause); ctx.Err() != nil {
			return errBusy
		}
	}
}

func (q *Queue) unlockDead(ch *amqp.Channel) error {
	_, err := ch.QueueDelete(q.topology.deadLock(), false, false, false)
	return err
}

// browser is one look through the dead letters.
type browser struct {
	ch    *amqp.Channel
	name  string
	there int // How many waited at the beginning.
	done  int
}

func (b *browser) run(ctx context.Context, use func([]*letter) (bool, error)) (more bool, err error) {
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

// settle takes out what is done.
func (b *browser) settle(batch []*letter) error {
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

// take gets the next dead letters, by a subscription of their own: what it has brought
// uses its credit up, so that no more are sent than are looked at.
func (b *browser) take(ctx context.Context, n int) ([]*letter, error) {
	if err := b.ch.Qos(n, 0, false); err != nil {
		return nil, err
	}
	tag := fmt.Sprintf("browse-%d", time.Now().UnixNano())
	arriving, err := b.ch.Consume(b.name, tag, false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	var batch []*letter
	for len(batch) < n {
		d, ok, err := b.next(ctx, arriving)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		batch = append(batch, newLetter(d))
	}
	if err := b.ch.Cancel(tag, false); err != nil {
		return nil, err
	}
	// What was on its way when the subscription ended.
	for d := range arriving {
		batch = append(batch, newLetter(&d))
	}
	return batch, nil
}

// next waits for a message; false when the queue has none left.
func (b *browser) next(ctx context.Context, arriving <-chan amqp.Delivery) (*amqp.Delivery, bool, error) {
	idle := time.NewTicker(browsePause)
	defer idle.Stop()
	for {
		select {
		case d, open := <-arriving:
			if !open {
				return nil, false, errBrokerClosed
			}
			return &d, true, nil
		case <-idle.C:
			state, err := inspect(b.ch, b.name)
			if err != nil || state.Messages == 0 {
				return nil, false, err
			}
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// awaitReturn waits a moment until the broker has taken back what it gave, so that
// whoever looks next sees it. It has to write that to its disk.
func (b *browser) awaitReturn(ctx context.Context, s *session) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	// Where this does not work, the broker takes it back a little later.
	_ = s.withChannel(func(ch *amqp.Channel) error {
		for ctx.Err() == nil {
			state, err := inspect(ch, b.name)
			if err != nil || state.Messages >= b.there-b.done {
				return err
			}
			sleep(ctx, browsePause/10)
		}
		return ctx.Err()
	})
}

func newLetter(m *amqp.Delivery) *letter {
	e, err := parseEvent(m)
	if err != nil {
		e = salvage(m)
	}
	return &letter{
		DeadLetter: &queue.DeadLetter{Event: e, DeadInfo: *deathOf(m), Size: int64(len(m.Body))},
		message:    m, isEvent: err == nil,
	}
}
