package kind

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// deadBatch and deadBytes bound what is read before it is published; one event may exceed the
	// bytes. What was published since the last checkpoint is published again after a crash, with the
	// same number of replays.
	deadBatch = 100
	deadBytes = 8 << 20
)

// DeadQueue is what the jobs on dead letters ask of the queue.
type DeadQueue interface {
	Publish(ctx context.Context, events ...*event.Event) error
	Redeliver(ctx context.Context, events ...queue.Redelivery) error
}

// Dead replays dead letters, or drops them. Both only publish what the group record then writes: the
// status of an event follows a moment later.
type Dead struct {
	// Store has the dead letters, and Queue takes what happens to them. Both are required where jobs
	// are worked on.
	Store deadletter.Store
	Queue DeadQueue
	// Drop is for jobs that drop; others replay.
	Drop bool
}

var _ job.Kind = Dead{}

// deadCheckpoint says up to where the dead letters were gone through.
type deadCheckpoint struct {
	After store.Position `json:"after,omitzero"`
	// IDs is how many of the ids are done.
	IDs   int        `json:"ids,omitempty"`
	Total int64      `json:"total,omitempty"`
	Done  deadResult `json:"done"`
}

// deadResult says what came of a job.
type deadResult struct {
	Replayed int64 `json:"replayed,omitempty"`
	Dropped  int64 `json:"dropped,omitempty"`
	// Skipped counts ids that are of no dead letter, and what was one when it was listed.
	Skipped int64 `json:"skipped,omitempty"`
	// Refused counts events that the queue does not take, such as those that are too large.
	Refused int64 `json:"refused,omitempty"`
}

func (d deadResult) all() int64 { return d.Replayed + d.Dropped + d.Skipped + d.Refused }

// Run implements [job.Kind]. It begins with what was accepted first, so that events of one order key
// are replayed in order, and leaves out what dies after the job was asked for: a bot that still refuses
// would make it endless.
func (k Dead) Run(ctx context.Context, r *job.Run) (any, error) {
	w, err := k.resume(store.Fresh(ctx), r)
	for err == nil && !w.ended {
		err = w.step(store.Fresh(ctx))
	}
	switch {
	case err != nil:
		return nil, deadError(err)
	case len(w.p.IDs) > 0 && w.at.Done.Skipped == int64(len(w.p.IDs)):
		return nil, job.Failed("None of the ids is that of a dead letter: they were replayed, dropped or erased, " +
			"or their day is no longer kept.")
	}
	return w.at.Done, nil
}

// deadWork is a job that is worked on.
type deadWork struct {
	Dead
	run   *job.Run
	p     deadParameters
	at    deadCheckpoint
	until time.Time // What died later is left out.
	limit *rate.Limiter
	size  int
	ended bool
}

func (k Dead) resume(ctx context.Context, r *job.Run) (*deadWork, error) {
	j := r.Job()
	w := &deadWork{Dead: k, run: r, until: j.CreatedAt, limit: rate.NewLimiter(rate.Inf, 1), size: deadBatch}
	if err := j.Decode(&w.p, &w.at); err != nil {
		return nil, err
	}
	if w.p.Filter.Until.IsZero() || w.p.Filter.Until.After(w.until) {
		w.p.Filter.Until.Time = w.until
	}
	if perSecond := *w.p.Rate; perSecond > 0 {
		w.size = min(w.size, perSecond)
		w.limit = rate.NewLimiter(rate.Limit(perSecond), w.size)
	}
	w.at.Total = max(w.at.Total, int64(len(w.p.IDs)))
	if j.Checkpoint != "" || len(w.p.IDs) > 0 {
		return w, nil
	}
	there, err := deadletter.Summarize(ctx, k.Store, w.p.Filter)
	if err == nil && there.Next == nil {
		w.at.Total = int64(there.Count)
	}
	return w, err
}

// step moves the next dead letters and saves the checkpoint.
func (w *deadWork) step(ctx context.Context) (err error) {
	var found []*store.Record
	if len(w.p.IDs) > 0 {
		found, err = w.byID(ctx)
	} else {
		found, err = w.byFilter(ctx)
	}
	if err == nil {
		err = w.move(ctx, found)
	}
	if err != nil {
		return err
	}
	done := w.at.Done.all()
	if w.at.Total > 0 {
		w.at.Total = max(w.at.Total, done)
	}
	return w.run.Save(ctx, job.Progress{Done: done, Total: w.at.Total, Checkpoint: w.at})
}

// byFilter lists the next dead letters that match, without bodies.
func (w *deadWork) byFilter(ctx context.Context) ([]*store.Record, error) {
	q := deadletter.Query{Filter: w.p.Filter, Oldest: true, Limit: w.size, After: w.at.After}
	page, err := deadletter.List(ctx, w.Store, q)
	switch {
	case err != nil:
		return nil, err
	case len(page.Missing) > 0:
		return nil, fmt.Errorf("%w: shards do not answer: %v", store.ErrUnavailable, page.Missing)
	}
	if w.ended = page.Next == nil; !w.ended {
		w.at.After = *page.Next
	}
	return page.Records, nil
}

// byID reads the next ids. Those that can't be moved are skipped.
func (w *deadWork) byID(ctx context.Context) (found []*store.Record, err error) {
	ids := w.p.IDs[w.at.IDs:]
	ids = ids[:min(len(ids), w.size)]
	for _, id := range ids {
		r, err := deadletter.Get(ctx, w.Store, id)
		switch {
		case err == nil && w.p.takes(r, w.until):
			light := *r.Event
			light.Data = nil // It is read again when its turn comes.
			r.Event = &light
			found = append(found, r)
		case err == nil, errors.Is(err, store.ErrNotFound):
			w.at.Done.Skipped++
		default:
			return nil, err
		}
	}
	w.at.IDs += len(ids)
	w.ended = w.at.IDs == len(w.p.IDs)
	return found, nil
}

// takes reports whether a dead letter that was asked for by its id is the job's to move.
func (p *deadParameters) takes(r *store.Record, until time.Time) bool {
	return (p.Filter.Bot == "" || p.Filter.Bot == r.Event.Bot) && deadletter.DiedAt(r).Before(until)
}

// deadError says of an error whether it is temporary.
func deadError(err error) error {
	if errors.Is(err, queue.ErrUnavailable) || errors.Is(err, queue.ErrUnconfirmed) {
		return job.Later(err)
	}
	return temporary(err)
}
