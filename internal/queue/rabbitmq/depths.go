package rabbitmq

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// transitTime is how long an event may take from the broker to a consumer, or back.
const transitTime = 40 * time.Millisecond

// Depths implements [queue.Queue]. The broker reports how many events are ready; what
// is in flight is known of this handle's consumers only, and bots are those that it declared. While it has any, Depths counts twice
// and takes the larger number, because an event in transit is in neither count.
//
// It asks on the connection that consumes: the broker reads nothing on one that publishes while it takes no messages.
func (q *Queue) Depths(ctx context.Context) (map[queue.Group]int64, error) {
	conn, err := q.consumingConnection(ctx)
	if err != nil {
		return nil, err
	}
	depths := map[queue.Group]int64{}
	err = conn.withChannel(func(ch *amqp.Channel) error {
		if err := q.inspectGroups(ch, depths); err != nil || !q.consumes() {
			return err
		}
		retry.Sleep(ctx, transitTime)
		return q.inspectGroups(ch, depths)
	})
	if err != nil {
		return nil, fmt.Errorf("counting events: %w: %w", queue.ErrUnavailable, err)
	}
	return depths, nil
}

// inspectGroups raises depths to what it finds.
func (q *Queue) inspectGroups(ch *amqp.Channel, depths map[queue.Group]int64) error {
	lots, err := q.declareParkingLots(ch)
	if err != nil {
		return err
	}
	found, held := map[queue.Group]int64{queue.ParkingLots: 0}, q.unsettled()
	for name, groups := range q.counted(lots) {
		state, err := inspect(ch, name)
		if err != nil {
			return err
		}
		for _, group := range groups {
			found[group] += int64(state.Messages) + held[name]
		}
	}
	for group, n := range found {
		depths[group] = max(depths[group], n)
	}
	return nil
}

// counted has what each queue counts for. One that bots share is none of theirs.
func (q *Queue) counted(lots []declaration) map[string][]queue.Group {
	t := q.topology
	counted := map[string][]queue.Group{
		t.record(): {queue.Record}, t.dead(): {queue.Dead}, t.unrecorded(): {queue.Unrouted}, t.unrouted(): {queue.Unrouted},
	}
	for _, lot := range lots {
		counted[lot.name] = []queue.Group{queue.ParkingLots}
	}
	for _, bot := range q.declaredBots() {
		for _, d := range t.ofBots(bot) {
			counted[d.name] = []queue.Group{queue.Dispatch}
			if !t.shared {
				counted[d.name] = append(counted[d.name], queue.OfBot(bot))
			}
		}
	}
	return counted
}

func (q *Queue) consumes() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.consumers) > 0
}

// unsettled counts what this handle's consumers hold of each queue.
func (q *Queue) unsettled() map[string]int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	held := map[string]int64{}
	for c := range q.consumers {
		c.countUnsettled(held)
	}
	return held
}

// countUnsettled adds what the consumer holds of each queue.
func (c *consumer) countUnsettled(held map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sub := range c.subscriptions {
		held[sub.name] += int64(len(sub.items))
	}
}
