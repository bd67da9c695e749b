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

var groups = []queue.Group{queue.Record, queue.Dispatch, queue.Dead}

// Depths implements [queue.Queue]. The broker reports how many events are ready; what
// is in flight is known of this handle's consumers only. While it has any, Depths counts twice
// and takes the larger number, because an event in transit is in neither count.
func (q *Queue) Depths(ctx context.Context) (map[queue.Group]int64, error) {
	if err := q.usable(ctx); err != nil {
		return nil, err
	}
	conn, err := q.publishing.connection(ctx)
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
	for _, group := range groups {
		var n int64
		for _, name := range q.topology.queues(group) {
			state, err := inspect(ch, name)
			if err != nil {
				return err
			}
			n += int64(state.Messages)
		}
		depths[group] = max(depths[group], n+q.unsettled(group))
	}
	parked, err := q.declareParkingLots(ch)
	depths[queue.ParkingLots] = max(depths[queue.ParkingLots], parked+q.unsettled(queue.ParkingLots))
	return err
}

func (q *Queue) consumes() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.consumers) > 0
}

// unsettled counts what this handle's consumers of a group hold.
func (q *Queue) unsettled(group queue.Group) int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	var n int
	for c := range q.consumers {
		if c.counted() == group {
			n += c.unsettled()
		}
	}
	return int64(n)
}
