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

// parkingLotsInUse are those that this handle has parked in or consumes.
func (q *Queue) parkingLotsInUse() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.parkingLots))
}

func (q *Queue) declareParkingLots(ch *amqp.Channel) error {
	for _, name := range q.parkingLotsInUse() {
		if _, err := q.topology.declareParkingLot(ch, name); err != nil {
			return err
		}
	}
	return nil
}

func (t topology) declareParkingLot(ch *amqp.Channel, name string) (amqp.Queue, error) {
	state, err := ch.QueueDeclare(t.parkingLot(name), true, false, false, false, quorum())
	if err != nil {
		return state, fmt.Errorf("declaring queue %s: %w", t.parkingLot(name), err)
	}
	return state, nil
}

// inspectParkingLots is inspectGroups for the parking lots in use, which it declares.
func (q *Queue) inspectParkingLots(ch *amqp.Channel, depths map[queue.Group]int64) error {
	names := q.parkingLotsInUse()
	if len(names) == 0 {
		return nil
	}
	n := q.unsettled(queue.ParkingLots)
	for _, name := range names {
		state, err := q.topology.declareParkingLot(ch, name)
		if err != nil {
			return err
		}
		n += int64(state.Messages)
	}
	depths[queue.ParkingLots] = max(depths[queue.ParkingLots], n)
	return nil
}

// counted is the group that a consumer's deliveries count for.
func (c *consumer) counted() queue.Group {
	if c.parkingLot != "" {
		return queue.ParkingLots
	}
	return c.group
}
