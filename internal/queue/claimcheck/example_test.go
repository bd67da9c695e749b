package claimcheck_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	"github.com/botgate/botgate/internal/queue/sqlite"
)

// Example publishes an event whose body is too large for the message: the queue gets a reference,
// and the consumer the whole event.
func Example() {
	if err := publishLarge(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// data "", reference "sha256:67da37e50e1f5"
	// data "a body of 23 characters", reference ""
}

func publishLarge(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "claimcheck")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	blobs, err := file.Open(filepath.Join(folder, "blobs"))
	if err != nil {
		return err
	}
	inner, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(folder, "queue.db")})
	if err != nil {
		return err
	}
	q := claimcheck.New(inner, claimcheck.Config{Blobs: blobs, Threshold: 10})
	defer func() { _ = q.Close() }()

	e := &event.Event{ID: "e-1", Bot: "demo", Type: "command", Time: time.Now(), Data: []byte("a body of 23 characters")}
	e.Normalize()
	if err := q.Publish(ctx, e); err != nil { // Returns when body and event are durable.
		return err
	}
	if err := show(ctx, inner); err != nil { // What the message has.
		return err
	}
	return show(ctx, q)
}

func show(ctx context.Context, q queue.Queue) error {
	c, err := q.Subscribe(ctx, queue.Dispatch, queue.SubscribeOptions{})
	if err != nil {
		return err
	}
	deliveries, err := c.Receive(ctx, 1)
	if err != nil {
		return err
	}
	e := deliveries[0].Event
	fmt.Printf("data %q, reference %.20q\n", e.Data, e.DataRef)
	return c.Close() // Requeues it.
}
