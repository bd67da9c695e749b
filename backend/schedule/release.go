package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// readers is how many bodies are read at once.
	readers = 8
	// turnPause is the pause between two looks whether another process has handed over what comes first.
	turnPause = 100 * time.Millisecond
)

// release claims events and hands over those that nobody else claimed. It is contested where another process is handing
// over others.
func (r *Releaser) release(ctx context.Context, found []*store.Record, isContested bool, now time.Time) error {
	if len(found) == 0 {
		return nil
	}
	if err := r.cfg.Queue.Ready(ctx); err != nil {
		return fmt.Errorf("the queue takes no events: %w", err)
	}
	won, claimErr := r.claim(ctx, found, now)
	if len(won) == 0 {
		return claimErr
	}
	if isContested || len(won) < len(found) {
		if err := r.awaitTurn(ctx, won); err != nil {
			return err
		}
	}
	whole, err := r.read(ctx, won)
	if err == nil {
		err = r.handOver(ctx, whole)
	}
	if err != nil {
		return err
	}
	r.handed = append(r.handed, whole...)
	return errors.Join(claimErr, r.mark(ctx))
}

// claim records the next turn of each event, and returns those for which it was the first to.
func (r *Releaser) claim(ctx context.Context, found []*store.Record, now time.Time) (won []*store.Record, err error) {
	byID := make(map[string]*store.Record, len(found))
	turns := make([]*event.Event, 0, len(found))
	for _, record := range found {
		turn, err := event.NewTurn(record.Event, event.StatusDue, lastTurn(record)+1, now)
		if err != nil {
			return nil, err
		}
		byID[record.Event.ID] = record
		turns = append(turns, turn)
	}
	recorded, err := r.record(ctx, turns)
	ours := map[string]bool{}
	for _, e := range recorded {
		ours[e.Ref] = true
	}
	for _, record := range found { // In their order.
		if ours[record.Event.ID] {
			won = append(won, record)
		}
	}
	return won, err
}

// lastTurn is the number of the last turn that an event had; 0 for none.
func lastTurn(r *store.Record) int {
	if r.Last == nil {
		return 0
	}
	return r.Last.Turn
}

// awaitTurn waits until no other process is handing over what comes before the last of ours. Where that takes too long
// ours are left to whoever finds them stale.
func (r *Releaser) awaitTurn(ctx context.Context, ours []*store.Record) error {
	mine := map[string]bool{}
	for _, record := range ours {
		mine[record.Event.ID] = true
	}
	for {
		page, err := r.due(ctx, event.StatusDue, ours[len(ours)-1].Event.Time.Add(time.Microsecond))
		if err != nil {
			return err
		}
		others := 0
		for _, record := range page.Records {
			if !mine[record.Event.ID] {
				others++
			}
		}
		if others == 0 {
			return nil
		}
		if !retry.Sleep(ctx, turnPause) {
			return fmt.Errorf("another process hands over what comes first: %w", ctx.Err())
		}
	}
}

// read reads the events with their bodies. One that was erased meanwhile is left out.
func (r *Releaser) read(ctx context.Context, won []*store.Record) ([]*store.Record, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	all := make([]*store.Record, len(won))
	for i, record := range won {
		group.Go(func() error {
			whole, err := r.cfg.Store.Get(ctx, record.Event.ID)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			all[i] = whole
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("reading events that are due: %w", err)
	}
	whole := all[:0]
	for _, record := range all {
		if record != nil && record.Status == event.StatusDue {
			whole = append(whole, record)
		}
	}
	return whole, nil
}

// handOver gives events to the queues of their bots, in their order. One that the queue never takes ends as a dead
// letter, and the others go on.
func (r *Releaser) handOver(ctx context.Context, all []*store.Record) error {
	events := make([]queue.Redelivery, len(all))
	for i, record := range all {
		events[i] = redelivery(record)
	}
	err := r.cfg.Queue.Redeliver(ctx, events...)
	if err == nil || !isFinal(err) {
		return wrap(err)
	}
	for _, one := range events {
		err := r.cfg.Queue.Redeliver(ctx, one)
		if err != nil && isFinal(err) {
			err = r.bury(ctx, one.Event, err)
		}
		if err != nil {
			return wrap(err)
		}
	}
	return nil
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("handing over what is due: %w", err)
	}
	return nil
}

// isFinal reports whether the queue never takes an event.
func isFinal(err error) bool {
	return errors.Is(err, queue.ErrTooLarge) || errors.Is(err, queue.ErrInvalid)
}

// redelivery is an event as its bot's queue gets it: nothing tells it from others any more.
func redelivery(r *store.Record) queue.Redelivery {
	e := *r.Event
	e.ScheduledAt = time.Time{}
	return queue.Redelivery{Event: &e}
}

// bury records that an event is dead.
func (r *Releaser) bury(ctx context.Context, e *event.Event, cause error) error {
	r.log.Error("a scheduled event can't be queued and is a dead letter", e.LogAttr(), slog.Any("error", cause))
	change, err := event.NewChange(e, event.Change{Status: event.StatusDead, At: time.Now(), Error: "the queue does not take it"})
	if err != nil {
		return err
	}
	_, err = r.record(ctx, []*event.Event{change})
	return err
}

// mark records that events were handed over. Until it is, nothing else is.
func (r *Releaser) mark(ctx context.Context) error {
	if len(r.handed) == 0 {
		return nil
	}
	changes := make([]*event.Event, 0, len(r.handed))
	for _, record := range r.handed {
		change, err := event.NewChange(record.Event, event.Change{Status: event.StatusReleased, At: time.Now()})
		if err != nil {
			return err
		}
		changes = append(changes, change)
	}
	if _, err := r.record(ctx, changes); err != nil {
		return err
	}
	r.metrics.released.Add(float64(len(r.handed)))
	r.handed = nil
	return nil
}

// record adds changes to the log, shard by shard, and returns the entries that are new. One shard's failure does not
// keep the others from it.
func (r *Releaser) record(ctx context.Context, changes []*event.Event) (recorded []store.Entry, err error) {
	return appendAll(ctx, r.cfg.Store, r.cfg.Notify, changes)
}

func appendAll(ctx context.Context, s Store, notify func([]store.Entry), changes []*event.Event) (recorded []store.Entry, err error) {
	shards := map[string][]store.Entry{}
	for _, change := range changes {
		entry, err := store.NewEntry(change)
		if err != nil {
			return nil, fmt.Errorf("recording a change of a scheduled event: %w", err)
		}
		shard := s.ShardOf(entry)
		shards[shard] = append(shards[shard], entry)
	}
	for _, entries := range shards {
		fresh, failed := s.Append(ctx, entries)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("recording changes of scheduled events: %w", failed))
			continue
		}
		recorded = append(recorded, fresh...)
	}
	if len(recorded) > 0 {
		notify(recorded)
	}
	return recorded, err
}
