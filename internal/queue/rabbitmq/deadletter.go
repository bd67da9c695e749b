package rabbitmq

import (
	"context"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Redrive implements [queue.Consumer]. What is redriven stands behind everything that waits.
func (c *consumer) Redrive(ctx context.Context, deliveries ...*queue.Delivery) error {
	if err := c.redrivable(ctx, deliveries); err != nil {
		return fmt.Errorf("redriving: %w", err)
	}
	if err := c.move(ctx, deliveries, c.queue.topology.redriven); err != nil {
		return fmt.Errorf("redriving: %w", err)
	}
	return nil
}

// redrivable reports what can't be redriven, and declares the queues of the rest.
func (c *consumer) redrivable(ctx context.Context, deliveries []*queue.Delivery) error {
	if c.group != queue.Dead {
		return fmt.Errorf("the group %s has no dead letters", c.group)
	}
	for _, d := range deliveries {
		c.mu.Lock()
		it := c.held(d)
		c.mu.Unlock()
		if it == nil {
			continue // move says so.
		}
		if _, err := parseEvent(it.message); err != nil {
			return fmt.Errorf("%w: %w", queue.ErrInvalid, err)
		}
		if err := c.queue.declareBotsOf(ctx, d.Event); err != nil {
			return err
		}
	}
	return nil
}

// redriven makes the message of a dead letter for the group that dead-lettered it. What somebody moved
// by hand goes to all groups.
func (t topology) redriven(d *amqp.Delivery) message {
	m := forward(d, t.record())
	delete(m.Headers, headerDead)
	e, err := parseEvent(d)
	if err != nil {
		e = &event.Event{} // It was one when it was looked at.
	}
	switch deadInfo(d).Group {
	case queue.Record:
	case queue.Dispatch:
		m.destination = toQueue(t.home(queue.Dispatch, e).name)
	default:
		m.destination = t.address(e)
	}
	return m
}
