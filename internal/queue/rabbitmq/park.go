package rabbitmq

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// Park implements [queue.Consumer]. The lane has confirmed all before any is acknowledged. What
// its connection was lost for is not parked but comes again, here or in another process.
func (c *consumer) Park(ctx context.Context, lane string, deliveries ...*queue.Delivery) error {
	if c.group != queue.Record {
		return fmt.Errorf("parking: the group %s has no parking lots", c.group)
	}
	if err := c.queue.useLane(ctx, lane); err != nil {
		return fmt.Errorf("parking: %w", err)
	}
	items, messages := c.claimToPark(deliveries, c.queue.topology.parked(lane))
	if err := c.queue.publish(ctx, messages); err != nil {
		for _, it := range items {
			c.unclaim(it)
		}
		return fmt.Errorf("parking: %w", err)
	}
	// Not done: they are to be worked on when they come from the lane.
	c.mu.Lock()
	for _, it := range items {
		c.decide(it)
	}
	c.mu.Unlock()
	lost := len(deliveries) - len(items) + c.release(items)
	if lost > 0 {
		return fmt.Errorf("parking %d of %d deliveries: %w", lost, len(deliveries), queue.ErrLost)
	}
	return nil
}

// claimToPark also returns the messages, because other copies of them may come meanwhile.
func (c *consumer) claimToPark(deliveries []*queue.Delivery, name string) (items []*item, messages []message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range deliveries {
		it := c.held(d)
		switch {
		case it == nil:
		case c.strays.has(it):
			it.again(0)
			it.state, it.due = waiting, time.Now()
		default:
			it.state = moving
			items, messages = append(items, it), append(messages, forward(it.message, name))
		}
	}
	return items, messages
}

// useLane makes sure that a lane exists.
func (q *Queue) useLane(ctx context.Context, lane string) error {
	if err := queue.CheckParkingLot(lane); err != nil {
		return err
	}
	if err := q.usable(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	declared := q.lanes[lane]
	q.mu.Unlock()
	if declared {
		return nil // And each session declares it again.
	}
	s, err := q.publishing.session(ctx)
	if err != nil {
		return err
	}
	err = s.withChannel(func(ch *amqp.Channel) error { return q.topology.declareParked(ch, lane) })
	if err != nil {
		return fmt.Errorf("%w: %w", queue.ErrUnavailable, explain(err))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lanes[lane] = true
	return nil
}

// lanesInUse are those that this handle has parked in or consumes.
func (q *Queue) lanesInUse() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.lanes))
}

func (q *Queue) declareLanes(ch *amqp.Channel) error {
	for _, lane := range q.lanesInUse() {
		if err := q.topology.declareParked(ch, lane); err != nil {
			return err
		}
	}
	return nil
}

func (t topology) declareParked(ch *amqp.Channel, lane string) error {
	if _, err := ch.QueueDeclare(t.parked(lane), true, false, false, false, quorum()); err != nil {
		return fmt.Errorf("declaring queue %s: %w", t.parked(lane), err)
	}
	return nil
}

// lookParked is look for the lanes in use. One that nobody has declared yet is declared.
func (q *Queue) lookParked(ch *amqp.Channel, depths map[queue.Group]int64) error {
	lanes := q.lanesInUse()
	if len(lanes) == 0 {
		return nil
	}
	n := q.unsettled(queue.ParkingLots)
	for _, lane := range lanes {
		state, err := ch.QueueDeclare(q.topology.parked(lane), true, false, false, false, quorum())
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
	if c.lane != "" {
		return queue.ParkingLots
	}
	return c.group
}
