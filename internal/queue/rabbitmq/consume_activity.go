package rabbitmq

import (
	"context"

	"github.com/botgate/botgate/internal/queue"
)

// Activity implements [queue.Queue], as far as this handle's consumers know.
func (q *Queue) Activity(ctx context.Context) (queue.Activity, error) {
	found := queue.Activity{Owned: -1, Bots: map[string]queue.BotActivity{}}
	if err := q.usable(ctx); err != nil {
		return found, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.consumers {
		if c.sharing != nil {
			found.Owned = max(0, found.Owned) + c.sharing.count()
			c.countActivity(found.Bots)
		}
	}
	return found, nil
}

// countActivity adds what the consumer holds of each bot.
func (c *consumer) countActivity(bots map[string]queue.BotActivity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sub := range c.subscriptions {
		for _, it := range sub.items {
			e := it.delivery.Event
			bots[e.Bot] = bots[e.Bot].Add(e.Time)
		}
	}
}
