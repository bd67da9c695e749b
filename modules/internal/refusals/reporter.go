package refusals

import (
	"context"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// every is the time between two reports.
	every = 10 * time.Second
	// heartbeat is the longest time between two.
	heartbeat = time.Minute
	// publishTimeout bounds the wait for the queue's confirmation, also that of the last report at a stop.
	publishTimeout = 2 * time.Second
)

// Config is what a [Reporter] is made of.
type Config struct {
	// Tally has what is reported. Required.
	Tally *Tally
	// Publish hands events to the queue, not to a spool: what the queue does not take is reported later. Required.
	Publish func(ctx context.Context, events ...*event.Event) error
	// Process says how the gateway does. Required.
	Process func(ctx context.Context) *report.Process
	// Logger gets what became of reports, at DEBUG. Required.
	Logger *slog.Logger
}

// Reporter hands reports to the queue, where there is something to report, and once a minute. It must be closed.
type Reporter struct {
	cfg    Config
	cancel context.CancelFunc
	done   chan struct{}
	// unsent is a report that the queue may not have; nil for none. It is sent again as it is, so that it counts once.
	unsent *event.Event
	// reportedAt is when the last one was made.
	reportedAt time.Time
}

// Start starts a reporter.
func Start(cfg Config) *Reporter {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Reporter{cfg: cfg, cancel: cancel, done: make(chan struct{})}
	go r.run(ctx)
	return r
}

// Close sends the refusals that are left, once.
func (r *Reporter) Close() error {
	r.cancel()
	<-r.done
	return nil
}

func (r *Reporter) run(ctx context.Context) {
	defer close(r.done)
	for retry.Sleep(ctx, every) {
		r.send(ctx)
	}
	if r.cfg.Tally.counted() { // The limits are of no use any more.
		r.send(context.WithoutCancel(ctx))
	}
}

// send hands over the report that was not sent before, and then a new one. What the queue does not take goes on being
// counted, within the bounds of the tally.
func (r *Reporter) send(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	for range 2 {
		if r.unsent == nil && !r.next(ctx) {
			return
		}
		if err := r.cfg.Publish(ctx, r.unsent); err != nil {
			r.cfg.Logger.DebugContext(ctx, "queue did not take a report", slog.Any("error", err))
			return
		}
		r.unsent = nil
	}
}

// next makes a report of what was counted, if there is something, or that the gateway is there.
func (r *Reporter) next(ctx context.Context) bool {
	made, err := report.New(logformat.InstanceName())
	if err != nil || !r.cfg.Tally.Take(made) && time.Since(r.reportedAt) < heartbeat {
		return false
	}
	made.Process, r.reportedAt = r.cfg.Process(ctx), time.Now()
	if r.unsent, err = made.Event(); err != nil {
		r.cfg.Logger.Error("the report of refused requests can't be made", slog.Any("error", err))
	}
	return err == nil
}
