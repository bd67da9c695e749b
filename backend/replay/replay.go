// Package replay reads the history of a queue and hands what is chosen of it to a target.
package replay

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// DefaultBatch is the default of [Config.Batch].
const DefaultBatch = 100

// History is what is replayed from.
type History interface {
	ReadHistory(ctx context.Context, r queue.HistoryRange, show func(queue.HistoryRecord) error) error
}

// Target is what is replayed to.
type Target interface {
	// Takes reports whether such an event can go to the target at all.
	Takes(e *event.Event) bool
	// Send hands entries over, in their order, and returns how many of them the target
	// refuses for good. After an error some may have arrived, and all of them are sent
	// again when the replay is gone on with.
	Send(ctx context.Context, entries []queue.HistoryRecord) (refused int, err error)
}

// Filter chooses events. Empty fields do not filter.
type Filter struct {
	Bot, Type, Subject string
	// Until leaves out what was accepted then or later.
	Until time.Time
}

// Matches reports whether an event is meant.
func (f Filter) Matches(e *event.Event) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(f.Bot, e.Bot) && same(f.Type, e.Type) && same(f.Subject, e.Subject) &&
		(f.Until.IsZero() || e.Time.Before(f.Until))
}

// Config is what a replay is made of.
type Config struct {
	// History is read and Target gets what matches. Required.
	History History
	Target  Target
	// Range says where to begin. Default: the beginning.
	Range queue.HistoryRange
	// Filter chooses. Default: all.
	Filter Filter
	// Batch is how many entries the target gets at a time at most. Default 100.
	Batch int
	// Rate bounds the events per second that are sent; 0 for no bound.
	Rate int
	// DryRun counts what matches and sends nothing.
	DryRun bool
	// Progress is told how far it is, once in a while. Default: nobody.
	Progress func(Summary)
}

// Summary says what a replay did.
type Summary struct {
	// Read counts the entries of the history, Matched those that were chosen and fit for the
	// target, Sent those that arrived there, and Failed those that it refused for good.
	Read, Matched, Sent, Failed int
	// Offset is where the replay can be gone on with, see [queue.HistoryRange.After];
	// empty when nothing is done yet.
	Offset string
}

// String is a summary in a line.
func (s Summary) String() string {
	return fmt.Sprintf("read %d, matched %d, sent %d, failed %d", s.Read, s.Matched, s.Sent, s.Failed)
}

// Run replays until the history ends, and returns what was done also when it fails.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	r := &replay{Config: cfg, limit: rate.NewLimiter(rate.Inf, 1)}
	r.Offset = cfg.Range.After
	size := cfg.Batch
	if size <= 0 {
		size = DefaultBatch
	}
	if cfg.Rate > 0 {
		size = min(size, cfg.Rate)
		r.limit = rate.NewLimiter(rate.Limit(cfg.Rate), size)
	}
	r.pending = make([]queue.HistoryRecord, 0, size)
	err := cfg.History.ReadHistory(ctx, cfg.Range, func(entry queue.HistoryRecord) error { return r.take(ctx, entry) })
	if err == nil {
		err = r.flush(ctx)
	}
	return r.Summary, err
}

// replay is one run.
type replay struct {
	Config
	Summary
	limit   *rate.Limiter
	pending []queue.HistoryRecord // Chosen, not sent yet.
	last    string                // The offset of what was read last.
}

func (r *replay) take(ctx context.Context, entry queue.HistoryRecord) error {
	r.Read++
	r.last = entry.Offset
	if r.Filter.Matches(entry.Event) && r.Target.Takes(entry.Event) {
		r.Matched++
		if !r.DryRun {
			r.pending = append(r.pending, entry)
		}
	}
	if r.Progress != nil {
		r.Progress(r.Summary)
	}
	if len(r.pending) < cap(r.pending) {
		if len(r.pending) == 0 {
			r.Offset = r.last
		}
		return nil
	}
	return r.flush(ctx)
}

// flush sends what is pending.
func (r *replay) flush(ctx context.Context) error {
	n := len(r.pending)
	if n > 0 {
		if err := r.limit.WaitN(ctx, n); err != nil {
			return fmt.Errorf("waiting for its turn: %w", err)
		}
		refused, err := r.Target.Send(ctx, r.pending)
		if err != nil {
			return err
		}
		r.Sent += n - refused
		r.Failed += refused
		clear(r.pending)
		r.pending = r.pending[:0]
	}
	if r.last != "" {
		r.Offset = r.last
	}
	return nil
}
