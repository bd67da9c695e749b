package spool_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/desk"
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
	legs  func(queue.Group, *event.Event) outcome // Of one queue; the default is to take.
	taken []*event.Event
	// copies counts what each queue has of each id.
	copies map[leg]int
	calls  int
	late   sync.WaitGroup
	desk   desk.Desk
}

func (b *broker) Desk() *desk.Desk { return &b.desk }

type leg struct {
	group queue.Group
	id    string
}

// behaveByQueue has each queue fail as the test wants.
func (b *broker) behaveByQueue(legs func(queue.Group, *event.Event) outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.legs = legs
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

// groupsOf are the queues of an event.
func groupsOf(e *event.Event) []queue.Group {
	if e.IsChange() {
		return []queue.Group{queue.Record}
	}
	return []queue.Group{queue.Record, queue.Dispatch}
}

func (b *broker) store(groups []queue.Group, events ...*event.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.copies == nil {
		b.copies = map[leg]int{}
	}
	for _, e := range events {
		for _, group := range groups {
			b.copies[leg{group, e.ID}]++
		}
		if e.IsChange() || groups[len(groups)-1] == queue.Dispatch {
			b.taken = append(b.taken, e)
		}
	}
}

// Publish fails if one queue does, and those that take have the events.
func (b *broker) Publish(ctx context.Context, events ...*event.Event) error {
	groups := groupsOf(events[0])
	how := b.decide(events[0])
	if how != take {
		return b.fail(ctx, how, groups, events...)
	}
	for n, group := range groups {
		if how := b.decideFor(group, events[0]); how != take {
			if others := slices.Delete(slices.Clone(groups), n, n+1); len(others) > 0 {
				b.store(others, events...)
			}
			return b.fail(ctx, how, []queue.Group{group}, events...)
		}
	}
	b.store(groups, events...)
	return nil
}

func (b *broker) PublishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	how := b.decide(e)
	if how == take {
		how = b.decideFor(group, e)
	}
	if how != take {
		return b.fail(ctx, how, []queue.Group{group}, e)
	}
	b.store([]queue.Group{group}, e)
	return nil
}

func (b *broker) decideFor(group queue.Group, e *event.Event) outcome {
	b.mu.Lock()
	legs := b.legs
	b.mu.Unlock()
	if legs == nil {
		return take
	}
	return legs(group, e)
}

func (b *broker) fail(ctx context.Context, how outcome, groups []queue.Group, events ...*event.Event) error {
	switch how {
	case nack:
		return &queue.RefusedError{Err: errors.New("nacked")}
	case lose:
		b.store(groups, events...)
		return fmt.Errorf("%w: connection lost", queue.ErrUnconfirmed)
	case block:
		<-ctx.Done()
		return &queue.RefusedError{Err: ctx.Err()}
	case late:
		<-ctx.Done()
		b.late.Go(func() { b.store(groups, events...) })
		return &queue.RefusedError{Err: ctx.Err()}
	case closed:
		return queue.ErrClosed
	case tooLarge:
		return fmt.Errorf("%w: refused", queue.ErrTooLarge)
	}
	return fmt.Errorf("%w: connection refused", queue.ErrUnavailable)
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

// requireEmpty finds that nothing waits in the spool.
func requireEmpty(t testing.TB, q *opened, why ...any) {
	t.Helper()
	stats := q.Stats()
	require.Zero(t, stats.Events, why...)
	require.Zero(t, stats.Bytes, why...)
	require.Zero(t, stats.Oldest, why...)
}

// unowned is a queue that somebody else closes.
type unowned struct{ queue.Queue }

func (unowned) Close() error { return nil }

// sink takes everything and keeps nothing.
type sink struct{ queue.Queue }

func (sink) Publish(context.Context, ...*event.Event) error { return nil }

func (sink) PublishTo(context.Context, queue.Group, *event.Event) error { return nil }
