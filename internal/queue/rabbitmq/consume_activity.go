package rabbitmq

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Activity implements [queue.Queue], as far as this handle's consumers know.
func (q *Queue) Activity(ctx context.Context) (queue.Activity, error) {
	found := queue.NewActivity()
	if err := q.usable(ctx); err != nil {
		return found, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.consumers {
		switch {
		case c.sharing != nil:
			found.Owned = max(0, found.Owned) + c.sharing.count()
			c.countActivity(found.Bots)
		case c.group == queue.Record && c.parkingLot == "":
			found.Oldest[c.group] = queue.Older(found.Oldest[c.group], c.oldest())
		}
	}
	return found, nil
}

// oldest is when the oldest event was accepted that the consumer holds, but for replays. The broker hands out
// what has waited for longest first, and each consumer holds some while anything waits.
func (c *consumer) oldest() (oldest time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sub := range c.subscriptions {
		for _, it := range sub.items {
			if it.delivery.Replays == 0 {
				oldest = queue.Older(oldest, it.delivery.Event.Time)
			}
		}
	}
	return oldest
}

// countActivity adds what the consumer holds of each bot.
func (c *consumer) countActivity(bots map[string]queue.BotActivity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sub := range c.subscriptions {
		for _, it := range sub.items {
			bot := event.BotOf(it.delivery.Event.Bot)
			bots[bot] = bots[bot].Add(it.delivery)
		}
	}
}
