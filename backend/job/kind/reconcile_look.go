package kind

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// reconcileAge is how old an event may be that is looked for; it bounds what is read.
	reconcileAge = 7 * 24 * time.Hour
	// maxListed, of each status, and maxRead bound what one look reads; lists go on with the next
	// one. An event that was tried or replayed is read as a whole.
	maxListed = 5000
	maxRead   = 200
	// maxBehind is how much may wait to be recorded. With more, what came of an event may be kept back
	// anywhere, as in the spool of a dispatch.
	maxBehind = 10_000
	// maxMissed bounds the events that are remembered, and maxRedelivered what one look delivers again.
	maxMissed, maxRedelivered = 1000, 200
)

// lookedFor are the statuses of events under way, with how many of each one look reads.
var lookedFor = map[event.Status]int{
	event.StatusAccepted: maxListed, event.StatusDeferred: maxListed,
	event.StatusFailed: maxRead, event.StatusReplayed: maxRead, event.StatusReleased: maxRead,
}

// look looks for events that nobody has.
type look struct {
	Reconcile
	at  *reconcileCheckpoint
	now time.Time
	// found are the events to look for, by id.
	found  map[string]queue.Redelivery
	looked int64
	// recorded is the time up to which the log is complete.
	recorded time.Time
}

func newLook(k Reconcile, at *reconcileCheckpoint, now time.Time) *look {
	if at.Cursors == nil {
		at.Cursors = map[event.Status]store.Position{}
	}
	if at.Missed == nil {
		at.Missed = map[string]missed{}
	}
	return &look{Reconcile: k, at: at, now: now, found: map[string]queue.Redelivery{}}
}

func (l *look) run(ctx context.Context) error {
	settled, err := l.settle(ctx)
	if err != nil || !settled {
		return err
	}
	if err := l.recall(ctx); err != nil {
		return err
	}
	for status, limit := range lookedFor {
		if err := l.list(ctx, status, limit); err != nil {
			return fmt.Errorf("listing events: %w", err)
		}
	}
	l.looked = int64(len(l.found))
	all := make([]queue.Redelivery, 0, len(l.found))
	for _, r := range l.found {
		all = append(all, r)
	}
	missing, err := l.Queue.Missing(ctx, all...)
	if err != nil {
		return err
	}
	return l.redeliver(ctx, l.note(missing))
}

// settle finds out up to when the log is complete; of later events the outcome may wait to be recorded.
// It returns false when events may be elsewhere than in the queues of bots, or outcomes anywhere.
func (l *look) settle(ctx context.Context) (bool, error) {
	depths, err := l.Queue.Depths(ctx)
	if err != nil {
		return false, err
	}
	if depths[queue.Unrouted] > 0 || depths[queue.ParkingLots] > 0 || depths[queue.Record] > maxBehind {
		return false, nil
	}
	if l.recorded = l.now; depths[queue.Record] == 0 {
		return true, nil
	}
	page, err := l.Reader.List(ctx, store.Query{Limit: 1, To: store.Micros(l.now)}) // What is scheduled is newer.
	switch {
	case err != nil:
		return false, fmt.Errorf("reading the newest event: %w", err)
	case len(page.Records) == 0:
		return false, nil
	}
	l.recorded = page.Records[0].Event.Time // What was published before came to the consumers before.
	return true, nil
}

// recall reads the events that were missed before, and forgets those that something happened to.
func (l *look) recall(ctx context.Context) error {
	for id, m := range l.at.Missed {
		if l.now.Before(m.Next) {
			continue
		}
		r, err := l.Reader.Get(ctx, id)
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("reading an event: %w", err)
		case err == nil && l.stale(r):
			l.found[id] = redeliveryOf(r)
		case err != nil || r.Status.Final() || m.Times == 0:
			delete(l.at.Missed, id)
		}
	}
	return nil
}

// stale reports whether nothing has happened to an event under way for too long.
func (l *look) stale(r *store.Record) bool {
	return lookedFor[r.Status] > 0 && l.now.Sub(r.UpdatedAt) >= l.After && l.now.Sub(r.Event.NotBefore) >= l.After &&
		l.now.Sub(r.Event.Time) < reconcileAge
}

// redeliveryOf is the event as it is in the queue.
func redeliveryOf(r *store.Record) queue.Redelivery {
	again := queue.Redelivery{Event: r.Event}
	for _, attempt := range r.Attempts {
		again.Replays = max(again.Replays, attempt.Replays)
	}
	return again
}

// list reads events with a status from where the last look ended, or from the newest that is stale.
func (l *look) list(ctx context.Context, status event.Status, limit int) error {
	q := store.Query{Statuses: []event.Status{status}, Limit: store.MaxLimit, After: l.at.Cursors[status]}
	if q.After.Time.IsZero() {
		q.After.Time = store.Micros(l.now.Add(-l.After))
	}
	for read := 0; read < limit; {
		page, err := l.Reader.List(ctx, q)
		if err != nil {
			return err
		}
		if read += len(page.Records); !l.add(ctx, page.Records) || page.Next == nil {
			q.After = store.Position{} // The next look begins anew.
			break
		}
		q.After = *page.Next
	}
	l.at.Cursors[status] = q.After
	return ctx.Err()
}

// add looks for stale events. It returns false when those that follow are too old.
func (l *look) add(ctx context.Context, records []*store.Record) bool {
	for _, r := range records {
		if l.now.Sub(r.Event.Time) >= reconcileAge {
			return false
		}
		if _, known := l.at.Missed[r.Event.ID]; known || !l.stale(r) {
			continue
		}
		if lookedFor[r.Status] == maxRead {
			whole, err := l.Reader.Get(ctx, r.Event.ID)
			if err != nil {
				continue // It is read again with the next look.
			}
			r = whole
		}
		l.found[r.Event.ID] = redeliveryOf(r)
	}
	return true
}

// note remembers what is missing, and returns the ids of what is to be delivered again: it is missed
// for the second time, and the log is complete since the first.
func (l *look) note(missing []queue.Redelivery) (again []string) {
	isMissing := map[string]bool{}
	for _, r := range missing {
		id := r.Event.ID
		isMissing[id] = true
		m, known := l.at.Missed[id]
		switch {
		case !known && len(l.at.Missed) < maxMissed:
			l.at.Missed[id] = missed{Since: l.now}
		case known && l.now.Sub(m.Since) >= l.After/4 && l.recorded.After(m.Since) && len(again) < maxRedelivered:
			again = append(again, id)
		}
	}
	for id := range l.found {
		if m, known := l.at.Missed[id]; known && !isMissing[id] && m.Times == 0 {
			delete(l.at.Missed, id)
		}
	}
	slices.Sort(again)
	return again
}

// redeliver delivers events again, unless something happened to them meanwhile. The pause until that
// can happen again doubles with each time.
func (l *look) redeliver(ctx context.Context, ids []string) error {
	var done []string
	defer func() {
		if len(done) > 0 {
			l.at.Redelivered += int64(len(done))
			l.Redelivered.Add(float64(len(done)))
			l.Logger.Warn("events were accepted and are in no queue; they are delivered again",
				"events", len(done), "first_event_id", done[0])
		}
	}()
	for _, id := range ids {
		r, err := l.Reader.Get(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return fmt.Errorf("reading an event: %w", err)
		case !l.stale(r):
			continue
		}
		if err := l.Queue.Redeliver(ctx, redeliveryOf(r)); err != nil {
			return err
		}
		done = append(done, id)
		m := l.at.Missed[id]
		m.Times++
		m.Since, m.Next = l.now, l.now.Add(l.After<<min(m.Times, 10))
		l.at.Missed[id] = m
	}
	return nil
}
