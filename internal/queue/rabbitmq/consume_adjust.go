package rabbitmq

import (
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

// Adjust implements [queue.Consumer]. Subscriptions that there are keep their prefetch for as long as they last.
func (c *consumer) Adjust(opts queue.SubscribeOptions) error {
	queues, err := c.queue.consumed(c.group, opts.Bots)
	if err != nil {
		return fmt.Errorf("adjusting: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return queue.ErrClosed
	}
	c.prefetch = opts.Bounded()
	before := c.places
	added := c.setPlaces(queues, opts.Bots)
	for name, p := range before {
		if c.places[name] == nil {
			p.leave()
		}
	}
	if c.sharing != nil {
		c.sharing.adjust(c.places)
	}
	for _, p := range added {
		c.subscriptionLoops.Go(func() { c.subscribe(c.ctx, p) })
	}
	return nil
}

// options are those that the consumer has now.
func (c *consumer) options() queue.SubscribeOptions {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.prefetch
}

// setPlaces changes the places to those of the queues, and returns the new ones. What was in a queue before
// its bot had fewer is consumed, too. The lock is held.
func (c *consumer) setPlaces(queues []declaration, bots queue.Bots) (added []*place) {
	places := map[string]*place{}
	for name, p := range c.places {
		if bots[p.bot] > 0 && p.stay() {
			places[name] = p
		}
	}
	for _, d := range queues {
		p := c.places[d.name]
		if p == nil || !p.stay() {
			p = newPlace(d)
			added = append(added, p)
		}
		places[d.name] = p
	}
	c.places = places
	return added
}
