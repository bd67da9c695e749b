package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// pulledConsumer is a poller that looks like a consumer. What comes after its Receive ended is for the next one.
type pulledConsumer struct {
	queue.Consumer // Nil: pollers can do no more.

	base string
	bots []string
	life context.Context //nolint:containedctx // Until Close.
	end  context.CancelFunc

	mu      sync.Mutex
	work    sync.WaitGroup
	waiting int // Calls of Receive.
	flying  int // Requests.
	spare   []*queue.Delivery
	held    map[*queue.Delivery]string // Their receipts.
	changed chan struct{}
}

// Receive implements [queue.Consumer].
func (c *pulledConsumer) Receive(ctx context.Context, limit int) ([]*queue.Delivery, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting++
	defer func() { c.waiting-- }()
	for len(c.spare) == 0 {
		switch {
		case c.life.Err() != nil:
			return nil, queue.ErrClosed
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case c.flying < c.waiting:
			c.flying++
			c.work.Go(func() { c.fly(limit) })
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		c.mu.Lock()
	}
	n := min(limit, len(c.spare))
	taken := c.spare[:n:n]
	c.spare = c.spare[n:]
	return taken, nil
}

// fly receives of each bot once. Close does not break it off: what such an answer had would be lent for a minute.
func (c *pulledConsumer) fly(limit int) {
	for _, bot := range c.bots {
		got, err := c.ask(context.Background(), bot, "receive", map[string]any{"max": limit, "wait": "200ms"})
		c.mu.Lock()
		for _, e := range got.Events {
			d := e.delivery()
			c.held[d] = e.Receipt
			c.spare = append(c.spare, d)
		}
		isDone := err != nil || len(got.Events) > 0 || c.life.Err() != nil
		c.mu.Unlock()
		if isDone {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying--
	close(c.changed)
	c.changed = make(chan struct{})
}

// Ack implements [queue.Consumer].
func (c *pulledConsumer) Ack(ctx context.Context, deliveries ...*queue.Delivery) error {
	for _, d := range deliveries {
		if err := c.settle(ctx, d, map[string]any{"outcome": "ack"}); err != nil {
			return err
		}
	}
	return nil
}

// Retry implements [queue.Consumer].
func (c *pulledConsumer) Retry(ctx context.Context, d *queue.Delivery, delay time.Duration) error {
	return c.settle(ctx, d, map[string]any{"outcome": "retry", "after": delay.String()})
}

func (c *pulledConsumer) settle(ctx context.Context, d *queue.Delivery, settlement map[string]any) error {
	c.mu.Lock()
	receipt := c.held[d]
	delete(c.held, d)
	c.mu.Unlock()
	settlement["receipt"] = receipt
	got, err := c.ask(ctx, d.Event.Bot, "settle", map[string]any{"settle": []any{settlement}})
	switch {
	case err != nil:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.held[d] = receipt // Nobody knows; Close gives it back.
		return err
	case got.Settled[0].Status != "ok":
		return queue.ErrLost
	}
	return nil
}

// Close implements [queue.Consumer]: a poller that stops gives back what it has.
func (c *pulledConsumer) Close() error {
	c.end()
	c.work.Wait()
	for _, d := range slices.Collect(maps.Keys(c.held)) {
		_ = c.Retry(context.Background(), d, 0) // It may be closed for the second time, or its process.
	}
	return nil
}

// answer is what a process says.
type answer struct {
	Events  []pulledEvent
	Settled []struct{ Status string }
}

type pulledEvent struct {
	Receipt string
	Attempt int
	Event   map[string]json.RawMessage
}

func (e pulledEvent) delivery() *queue.Delivery {
	made, err := event.FromAttributes(func(name string) (text string) {
		_ = json.Unmarshal(e.Event[name], &text) // Absent ones are empty.
		return text
	}, "application/json", e.Event["data"])
	if err != nil {
		panic(err)
	}
	return &queue.Delivery{Event: made, Attempt: e.Attempt}
}

func (c *pulledConsumer) ask(ctx context.Context, bot, what string, body map[string]any) (a answer, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return a, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+bot+"/"+what, bytes.NewReader(raw))
	if err != nil {
		return a, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return a, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%s answers %d", what, response.StatusCode)
	}
	return a, json.NewDecoder(response.Body).Decode(&a)
}
