package record

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/storetest"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// parkingQueue is a queue in memory that can park.
type parkingQueue struct {
	*fakeQueue
	lots map[string]*fakeQueue
	// park fails with the first of its errors, then the next.
	park []error
	// parks counts the deliveries that were parked.
	parks int
}

func newParkingQueue(events ...*event.Event) *parkingQueue {
	q := &parkingQueue{fakeQueue: newQueue(events...), lots: map[string]*fakeQueue{}}
	for _, name := range shards {
		q.lots[name] = newQueue()
	}
	return q
}

func (q *parkingQueue) Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error) {
	from := q.fakeQueue
	if name, ok := group.ParkingLot(); ok {
		from, group = q.lots[name], queue.Record
	}
	if from == nil {
		return nil, fmt.Errorf("group %q", group)
	}
	c, err := from.Subscribe(ctx, group, opts)
	return parkingConsumer{c, q}, err
}

// parked counts what is in the parking lots.
func (q *parkingQueue) parked() (n int) {
	for _, lot := range q.lots {
		n += lot.left()
	}
	return n
}

type parkingConsumer struct {
	queue.Consumer
	q *parkingQueue
}

// parkTime is what parking takes.
const parkTime = time.Millisecond

func (c parkingConsumer) Park(ctx context.Context, name string, deliveries ...*queue.Delivery) error {
	<-time.After(parkTime)
	c.q.mu.Lock()
	err := shift(&c.q.park)
	if err == nil {
		c.q.parks += len(deliveries)
	}
	c.q.mu.Unlock()
	if err != nil {
		return err
	}
	for _, d := range deliveries {
		c.q.lots[name].publish(d.Event)
	}
	return c.Ack(ctx, deliveries...)
}

// shards are those of the tests.
var shards = []string{"a", "b", "c"}

// shardOf is where the events of shardEvent belong.
func shardOf(e *event.Event) string { return e.OrderKey }

func shardOfEntry(e store.Entry) string { return shardOf(e.Event) }

func shardEvent(n int, shard string) *event.Event {
	e := storetest.Event(n)
	e.OrderKey = shard
	return e
}

// mixed are n events, of each shard in turn.
func mixed(n int) []*event.Event {
	all := make([]*event.Event, n)
	for i := range all {
		all[i] = shardEvent(i, shards[i%len(shards)])
	}
	return all
}
