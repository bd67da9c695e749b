package rabbitmq

import (
	"context"
	"fmt"

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
	err = conn.withChannel(func(ch *amqp.Channel) error { return declareQueues(ch, []declaration{q.topology.lot(name)}) })
	if err != nil {
		return fmt.Errorf("%w: %w", queue.ErrUnavailable, explain(err))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.parkingLots[name] = true
	return nil
}

// declareParkingLots declares those that this handle has parked in or consumes, and returns them.
func (q *Queue) declareParkingLots(ch *amqp.Channel) (lots []declaration, err error) {
	q.mu.Lock()
	for name := range q.parkingLots {
		lots = append(lots, q.topology.lot(name))
	}
	q.mu.Unlock()
	return lots, declareQueues(ch, lots)
}

// lot is the queue of a parking lot.
func (t topology) lot(name string) declaration {
	return declaration{name: t.parkingLot(name), args: quorum()}
}
