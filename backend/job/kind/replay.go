package kind

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/replay"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// saveInterval is the time between two checkpoints. What was published since then may come
// twice after a crash.
const saveInterval = 2 * time.Second

// maxRate is the greatest rate that can be asked for, in events per second.
const maxRate = 1_000_000

// Queues count nanoseconds since 1970.
const minYear, maxYear = 1970, 2200

// Replay publishes the history of the queue to a group again.
type Replay struct {
	// Queue has the history, and is published to. Required where replays are worked on.
	Queue queue.History
}

var _ job.Kind = Replay{}

type replayParameters struct {
	// Group is who gets the events.
	Group  queue.Group `json:"group"`
	Filter filter      `json:"filter"`
	// Rate bounds the events per second; 0 for no bound.
	Rate int `json:"rate,omitempty"`
}

type replayCheckpoint struct {
	Offset string `json:"offset"`
	// Sent is how many events were published again.
	Sent int `json:"sent"`
}

type replayResult struct {
	Read   int64 `json:"read"`
	Events int   `json:"events"`
}

// Prepare implements [job.Kind].
func (k Replay) Prepare(given []byte, bot string) ([]byte, error) {
	if bot != "" {
		return nil, job.ErrForbidden
	}
	var p replayParameters
	if err := decode(given, &p, "A replay has the members group, filter, with bot, user, type, from and to, and rate."); err != nil {
		return nil, err
	}
	if err := checkYears(p.Filter, minYear, maxYear); err != nil {
		return nil, err
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
func (k Replay) Run(ctx context.Context, r *job.Run) (any, error) {
	cfg, at, err := k.plan(r.Job())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	before, saved := r.Job().Done, time.Now()
	save := func(s replay.Summary) error {
		return r.Save(ctx, job.Progress{Done: before + int64(s.Read), Checkpoint: replayCheckpoint{s.Offset, at.Sent + s.Sent}})
	}
	cfg.Progress = func(s replay.Summary) {
		if time.Since(saved) < saveInterval || ctx.Err() != nil {
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
		// What was published is not published twice.
		return nil, errors.Join(replayError(err), save(s))
	}
	return replayResult{before + int64(s.Read), at.Sent + s.Sent}, nil
}

// plan returns the replay from the checkpoint on.
func (k Replay) plan(j job.Job) (cfg replay.Config, at replayCheckpoint, err error) {
	var p replayParameters
	if err := j.Decode(&p, &at); err != nil {
		return cfg, at, err
	}
	// The id of the replay is the same whenever the job is resumed.
	target := replay.Group{Queue: k.Queue, Group: p.Group, ReplayID: queue.NewReplayID(j.CreatedAt)}
	cfg = replay.Config{
		History: k.Queue, Target: target, Rate: p.Rate,
		Range: queue.HistoryRange{After: at.Offset, Since: p.Filter.From.Time},
		Filter: replay.Filter{
			Bot: p.Filter.Bot, Type: p.Filter.Type, Subject: event.NameOf(p.Filter.User), Until: cmp.Or(p.Filter.To.Time, j.CreatedAt),
		},
	}
	return cfg, at, nil
}

// replayError says of an error whether it is temporary, and to the caller what is not.
func replayError(err error) error {
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
