package spool_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/spool"
)

const (
	patience = time.Minute
	tick     = 2 * time.Millisecond
)

// outcome is what a fake broker does with a publish.
type outcome int

const (
	take        outcome = iota
	unavailable         // Takes nothing.
	nack                // Takes nothing and cannot say so.
	lose                // Takes it, but the confirmation is lost.
	block               // Answers nothing until the caller leaves.
	late                // Answers nothing either, and takes it afterwards.
	closed              // Was closed by its owner.
	tooLarge            // Refuses for good.
)

// broker is a queue that fails as the test wants, and remembers what it took, in order.
type broker struct {
	queue.Queue // Nil, for what no test calls.

	mu    sync.Mutex
	next  func(*event.Event) outcome
	taken []*event.Event
	calls int
	late  sync.WaitGroup
}

func (b *broker) behave(next func(*event.Event) outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = next
}

func always(o outcome) func(*event.Event) outcome { return func(*event.Event) outcome { return o } }

func (b *broker) decide(e *event.Event) outcome {
	b.mu.Lock()
	b.calls++
	next := b.next
	b.mu.Unlock()
	if next == nil {
		return take
	}
	return next(e)
}

func (b *broker) store(events []*event.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = append(b.taken, events...)
}

func (b *broker) Publish(ctx context.Context, events ...*event.Event) error {
	switch b.decide(events[0]) {
	case unavailable:
		return fmt.Errorf("%w: connection refused", queue.ErrUnavailable)
	case nack:
		return fmt.Errorf("%w: nacked", queue.ErrUnconfirmed)
	case lose:
		b.store(events)
		return fmt.Errorf("%w: connection lost", queue.ErrUnconfirmed)
	case block:
		<-ctx.Done()
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, ctx.Err())
	case late:
		<-ctx.Done()
		b.late.Go(func() { b.store(events) })
		return fmt.Errorf("%w: %w", queue.ErrUnconfirmed, ctx.Err())
	case closed:
		return queue.ErrClosed
	case tooLarge:
		return fmt.Errorf("%w: refused", queue.ErrTooLarge)
	}
	b.store(events)
	return nil
}

func (b *broker) Ready(context.Context) error {
	if b.decide(nil) == take {
		return nil
	}
	return queue.ErrUnavailable
}

func (b *broker) Close() error {
	b.late.Wait()
	return nil
}

func (b *broker) published() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// ids are the bodies that the broker took, without repeats of an id, in order.
func (b *broker) bodies(key string) (bodies []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := map[string]bool{}
	for _, e := range b.taken {
		if !seen[e.ID] && (key == "" || e.OrderKey == key) {
			seen[e.ID] = true
			bodies = append(bodies, string(e.Data))
		}
	}
	return bodies
}

func newEvent(t testing.TB, key string, n int) *event.Event {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	return &event.Event{
		ID: id, Bot: "bot", Type: "command", Time: time.Now().UTC().Truncate(time.Microsecond),
		OrderKey: key, VerifiedBy: "jwt", Data: fmt.Append(nil, n),
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "data", "spool.db") }

// opened is a spool with the one broker that it has.
type opened struct {
	*spool.Queue
	file   *spool.Spool
	broker queue.Queue
}

func openSpool(ctx context.Context, b queue.Queue, cfg spool.Config, options spool.Options) (*opened, error) {
	file, err := spool.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &opened{file.Queue(b, options), file, b}, nil
}

func (o *opened) Stats() spool.Stats { return o.file.Stats() }

func (o *opened) Close() error { return errors.Join(o.Queue.Close(), o.file.Close(), o.broker.Close()) }

func open(t testing.TB, b queue.Queue, cfg spool.Config, options spool.Options) *opened {
	t.Helper()
	if cfg.Path == "" {
		cfg.Path = newPath(t)
	}
	q, err := openSpool(t.Context(), b, cfg, options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

func waitDrained(t testing.TB, q *opened) {
	t.Helper()
	require.Eventually(t, func() bool { return q.Stats().Events == 0 }, patience, tick, "the spool was not drained")
}

// unowned is a queue that somebody else closes.
type unowned struct{ queue.Queue }

func (unowned) Close() error { return nil }

// sink takes everything and keeps nothing.
type sink struct{ queue.Queue }

func (sink) Publish(context.Context, ...*event.Event) error { return nil }
