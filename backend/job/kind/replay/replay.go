// Package replay is the kind of job that gives the history of the queue to a group again.
package replay

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/replay"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// saveEvery is how often it is noted how far a replay is. What was given again since then
// may come twice after a crash.
const saveEvery = 2 * time.Second

// maxRate is the greatest rate that can be asked for, in events per second.
const maxRate = 1_000_000

// Queues count nanoseconds since 1970.
const minYear, maxYear = 1970, 2200

// Kind is the kind of job.
type Kind struct {
	// Queue has the history, and takes it again. Required where replays are worked on.
	Queue queue.History
}

var _ job.Kind = Kind{}

// parameters are what a replay is asked for with.
type parameters struct {
	// Group is who gets the events.
	Group queue.Group `json:"group"`
	// Filter chooses. What is empty does not.
	Filter filter `json:"filter"`
	// Rate bounds the events per second; 0 for no bound.
	Rate int `json:"rate,omitempty"`
}

type filter struct {
	Bot  string `json:"bot,omitempty"`
	User string `json:"user,omitempty"`
	Type string `json:"type,omitempty"`
	// From is included, To is not; without To it is the time of the request.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
}

// progress is the checkpoint.
type progress struct {
	Offset string `json:"offset"`
	// Sent is how many events were given again.
	Sent int `json:"sent"`
}

// result is what is shown of a replay that is done.
type result struct {
	Read   int64 `json:"read"`
	Events int   `json:"events"`
}

// Prepare implements [job.Kind].
func (k Kind) Prepare(given []byte, bot string) ([]byte, error) {
	if bot != "" {
		return nil, job.ErrForbidden
	}
	var p parameters
	if err := job.DecodeParameters(given, &p); err != nil {
		return nil, job.BadParameter("A replay has the members group, filter, with bot, user, type, from and to, and rate.")
	}
	for _, at := range []*time.Time{p.Filter.From, p.Filter.To} {
		if at != nil && (at.Year() < minYear || at.Year() > maxYear) {
			return nil, job.BadParameter("The members from and to must be times like 2026-03-01T12:00:00Z.")
		}
	}
	switch {
	case p.Group != queue.Record && p.Group != queue.Dispatch:
		return nil, job.BadParameter("The member group must be %s or %s.", queue.Record, queue.Dispatch)
	case p.Rate < 0 || p.Rate > maxRate:
		return nil, job.BadParameter("The member rate must be from 0, for no bound, to %d.", maxRate)
	case p.Filter.Bot != "" && !event.ValidBot(p.Filter.Bot):
		return nil, job.BadParameter("The member bot must be the name of a bot.")
	}
	return json.Marshal(p)
}

// Run implements [job.Kind].
func (k Kind) Run(ctx context.Context, r *job.Run) (any, error) {
	cfg, at, err := k.plan(r.Job())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	before, saved := r.Job().Done, time.Now()
	save := func(s replay.Summary) error {
		checkpoint, err := json.Marshal(progress{s.Offset, at.Sent + s.Sent})
		if err != nil {
			return err
		}
		return r.Save(ctx, job.Progress{Done: before + int64(s.Read), Checkpoint: string(checkpoint)})
	}
	cfg.Progress = func(s replay.Summary) {
		if time.Since(saved) < saveEvery || ctx.Err() != nil {
			return
		}
		if err := save(s); err != nil {
			stop(err)
		}
		saved = time.Now()
	}
	s, err := replay.Run(ctx, cfg)
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	if err != nil {
		// What was given again is not given twice.
		return nil, errors.Join(explain(err), save(s))
	}
	return result{before + int64(s.Read), at.Sent + s.Sent}, nil
}

// plan says what is to be done from the checkpoint on.
func (k Kind) plan(j job.Job) (cfg replay.Config, at progress, err error) {
	var p parameters
	if err := j.Decode(&p, &at); err != nil {
		return cfg, at, err
	}
	// The run is the same whenever the job is gone on with.
	target := replay.Group{Queue: k.Queue, Group: p.Group, ReplayID: queue.NewReplayID(j.CreatedAt)}
	cfg = replay.Config{
		History: k.Queue, Target: target, Rate: p.Rate,
		Range:  queue.HistoryRange{After: at.Offset},
		Filter: replay.Filter{Bot: p.Filter.Bot, Type: p.Filter.Type, Subject: p.Filter.User, Until: j.CreatedAt},
	}
	if p.Filter.From != nil {
		cfg.Range.Since = *p.Filter.From
	}
	if p.Filter.To != nil {
		cfg.Filter.Until = *p.Filter.To
	}
	return cfg, at, nil
}

// explain says of an error whether it may pass.
func explain(err error) error {
	switch {
	case errors.Is(err, queue.ErrNoHistory):
		return job.Failed("The queue keeps no history.")
	case errors.Is(err, queue.ErrOffset):
		return job.Failed("What was to be replayed next is no longer in the history.")
	case errors.Is(err, queue.ErrInvalid), errors.Is(err, queue.ErrTooLarge):
		return err
	}
	return job.Later(err)
}
