package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// SpoolConsumer is a consumer of a spool's file that can leave a bot alone for a while.
type SpoolConsumer struct{ *consumer }

// throttle says that of a bot nothing is leased until a time, and then up to each.
type throttle struct {
	until time.Time
	each  int
}

// Consume starts a consumer of Record or Dispatch that has up to prefetch deliveries, and in Dispatch up
// to each of a bot. What was retried or postponed by a consumer before is due.
func (f *SpoolFile) Consume(ctx context.Context, group queue.Group, prefetch, each int) (*SpoolConsumer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	inner, err := f.subscribe(group, groupNumbers[group], bounds{prefetch, each}, queue.SubscribeOptions{})
	if err != nil {
		return nil, err
	}
	c := &SpoolConsumer{inner}
	if err := c.dueNow(ctx, nil); err != nil {
		return nil, errors.Join(err, c.Close()) //nolint:contextcheck // Closing has bounds of its own.
	}
	return c, nil
}

// Throttle leases nothing of a bot before a time, and then no more than each deliveries at once; in
// Record that is for all bots together. What was leased before is handed out nevertheless.
func (c *SpoolConsumer) Throttle(bot string, until time.Time, each int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keys(bot) {
		c.throttled[key] = throttle{until, each}
	}
	c.wake.Signal()
}

// Release ends what [SpoolConsumer.Throttle] began. What was retried or postponed meanwhile is due.
func (c *SpoolConsumer) Release(ctx context.Context, bot string) error {
	for _, key := range c.keys(bot) {
		if err := c.dueNow(ctx, key); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range c.keys(bot) {
		delete(c.throttled, key)
	}
	c.wake.Signal()
	return nil
}

// dueNow makes what is delayed of a bot's key due, or with nil all.
func (c *SpoolConsumer) dueNow(ctx context.Context, key any) error {
	return c.q.write(ctx, 1, func(tx *transaction) error {
		tx.touched[slot(c.number)] = true
		_, err := tx.exec(tx.dueNow, c.number, key)
		return err
	})
}

// keys are what the deliveries to a bot have, in each of its lanes; outside of Dispatch all have 0.
func (c *SpoolConsumer) keys(bot string) (keys []int64) {
	if c.group != queue.Dispatch {
		return []int64{0}
	}
	for _, lane := range event.LanesTo(bot) {
		keys = append(keys, hashText(lane))
	}
	return keys
}
