package rabbitmq

import (
	"context"
	"fmt"
	"maps"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// Park implements [queue.Consumer].
func (c *consumer) Park(ctx context.Context, name string, deliveries ...*queue.Delivery) error {
	if c.group != queue.Record {
		return fmt.Errorf("parking: the group %s has no parking lots", c.group)
	}
	err := c.queue.useParkingLot(ctx, name)
	if err == nil {
		lot := c.queue.topology.parkingLot(name)
		err = c.move(ctx, deliveries, func(m *amqp.Delivery) message { return forward(m, lot) })
	}
	if err != nil {
		return fmt.Errorf("parking: %w", err)
	}
	return nil
}

// useParkingLot makes sure that a parking lot exists.
func (q *Queue) useParkingLot(ctx context.Context, name string) error {
	if err := queue.CheckParkingLot(name); err != nil {
		return err
	}
	if err := q.usable(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	declared := q.parkingLots[name]
	q.mu.Unlock()
	if declared {
		return nil // And each connection declares it again.
	}
	conn, err := q.publishing.connection(ctx)
	if err != nil {
		return err
	}
	err = conn.withChannel(func(ch *amqp.Channel) error {
		_, err := q.topology.declareParkingLot(ch, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", queue.ErrUnavailable, explain(err))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.parkingLots[name] = true
	return nil
}

// declareParkingLots declares those that this handle has parked in or consumes, and counts what is
// ready there.
func (q *Queue) declareParkingLots(ch *amqp.Channel) (ready int64, err error) {
	q.mu.Lock()
	names := slices.Collect(maps.Keys(q.parkingLots))
	q.mu.Unlock()
	for _, name := range names {
		state, err := q.topology.declareParkingLot(ch, name)
		if err != nil {
			return 0, err
		}
		ready += int64(state.Messages)
	}
	return ready, nil
}

func (t topology) declareParkingLot(ch *amqp.Channel, name string) (amqp.Queue, error) {
	state, err := ch.QueueDeclare(t.parkingLot(name), true, false, false, false, quorum())
	if err != nil {
		return state, fmt.Errorf("declaring queue %s: %w", t.parkingLot(name), err)
	}
	return state, nil
}

// counted is the group that a consumer's deliveries count for.
func (c *consumer) counted() queue.Group {
	if c.parkingLot != "" {
		return queue.ParkingLots
	}
	return c.group
}
