package queue_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// Example publishes an event to the embedded queue and consumes it in the group Dispatch, as the
// backend does: the first attempt fails and is retried, the second one is acknowledged.
func Example() {
	if err := publishAndConsume(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// attempt 1 of e-1 for demo
	// attempt 2 of e-1 for demo
	// left in the queue: 0
}

func publishAndConsume(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "queue")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	q, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(folder, "queue.db")})
	if err != nil {
		return err
	}
	defer func() { _ = q.Close() }()

	e := &event.Event{ID: "e-1", Bot: "demo", Type: "command", OrderKey: "user-1", Time: time.Now(), Data: []byte(`{"text":"hello"}`)}
	e.Normalize()
	if err := q.Publish(ctx, e); err != nil { // Returns when the event is durable.
		return err
	}
	if err := consume(ctx, q); err != nil {
		return err
	}
	depths, err := q.Depths(ctx)
	fmt.Println("left in the queue:", depths[queue.Dispatch])
	return err
}

func consume(ctx context.Context, q queue.Queue) error {
	c, err := q.Subscribe(ctx, queue.Dispatch, queue.SubscribeOptions{})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for {
		deliveries, err := c.Receive(ctx, 1)
		if err != nil {
			return err
		}
		d := deliveries[0]
		fmt.Println("attempt", d.Attempt, "of", d.Event.ID, "for", d.Event.Bot)
		if d.Attempt == 2 {
			return c.Ack(ctx, d)
		}
		if err := c.Retry(ctx, d, time.Millisecond); err != nil {
			return err
		}
	}
}
