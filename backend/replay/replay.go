// Package replay reads the history of a queue, its retained log, and sends the records that a
// filter matches to a target: a consumer group, or an HTTP receiver.
package replay

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const defaultBatch = 100

// History is what is replayed from; [queue.Queue] is one.
type History interface {
	ReadHistory(ctx context.Context, r queue.HistoryRange, show func(queue.HistoryRecord) error) error
}

// Target is what is replayed to.
type Target interface {
	// Takes reports whether the target accepts such an event at all.
	Takes(e *event.Event) bool
	// Send sends records in order and returns how many the target rejects permanently. After an
	// error some may have arrived; all of them are sent again when the replay is resumed.
	Send(ctx context.Context, records []queue.HistoryRecord) (refused int, err error)
}

// Filter matches events. Empty fields match all.
type Filter struct {
	Bot, Type, Subject string
	// Until excludes events that were accepted then or later.
	Until time.Time
}

// Matches reports whether the filter matches an event.
func (f Filter) Matches(e *event.Event) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(f.Bot, e.Bot) && same(f.Type, e.Type) && same(f.Subject, e.Subject) &&
		(f.Until.IsZero() || e.Time.Before(f.Until))
}

// Config is what a replay is made of.
type Config struct {
	// History is read, and Target gets the records that match. Both are required.
	History History
	Target  Target
	// Range is where to begin. Default: the beginning.
	Range queue.HistoryRange
	// Filter chooses the events. Default: all.
	Filter Filter
	// Batch bounds the records of one Send. Default 100.
	Batch int
	// Rate bounds the events per second that are sent; 0 for no bound.
	Rate int
	// DryRun counts what matches and sends nothing.
	DryRun bool
	// Progress, unless nil, is called after each record that is read.
	Progress func(Summary)
}

// Summary says what a replay did.
type Summary struct {
	// Read counts the records of the history, Matched those that the filter and the target
	// accept, Sent those that the target got, and Failed those that it rejected permanently.
	Read, Matched, Sent, Failed int
	// Offset is where the replay can be resumed, see [queue.HistoryRange.After]; empty when
	// nothing is done yet.
	Offset string
}

// String is a summary in a line.
func (s Summary) String() string {
	return fmt.Sprintf("read %d, matched %d, sent %d, failed %d", s.Read, s.Matched, s.Sent, s.Failed)
}

// Run replays to the end of the history. It returns what was done also after an error.
func Run(ctx context.Context, cfg Config) (Summary, error) {
	r := &replay{Config: cfg, limit: rate.NewLimiter(rate.Inf, 1)}
	r.Offset = cfg.Range.After
	size := cmp.Or(cfg.Batch, defaultBatch)
	if cfg.Rate > 0 {
		size = min(size, cfg.Rate)
		r.limit = rate.NewLimiter(rate.Limit(cfg.Rate), size)
	}
	r.pending = make([]queue.HistoryRecord, 0, size)
	err := cfg.History.ReadHistory(ctx, cfg.Range, func(record queue.HistoryRecord) error { return r.take(ctx, record) })
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
	pending []queue.HistoryRecord // Matched, not sent yet.
	last    string                // The offset of the last record that was read.
}

func (r *replay) take(ctx context.Context, record queue.HistoryRecord) error {
	r.Read++
	r.last = record.Offset
	if r.Filter.Matches(record.Event) && r.Target.Takes(record.Event) {
		r.Matched++
		if !r.DryRun {
			r.pending = append(r.pending, record)
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

// flush sends the pending records.
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
