// Package schedule hands events that were scheduled to the bots' queues when they are due, and cancels them before.
// They wait in the log, with the status scheduled, and never in a queue.
//
// Any number of processes may do so at once, without a lock: what happens to an event is decided by which entry of the
// log is the first under an id; see [event.NewTurn]. docs/decisions/0034-scheduled-events-wait-in-the-log.md says why.
package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/health"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// every is the pause between two looks for events that are due.
	every = time.Second
	// pageSize is how many are handed over at once.
	pageSize = store.MaxLimit
	// defaultLease is the default of [Config.Lease].
	defaultLease = 30 * time.Second
	// late is how overdue the oldest event may be before the role is not healthy.
	late = time.Minute
)

// Store is what is asked of the log.
type Store interface {
	List(ctx context.Context, q store.Query) (*store.Page, error)
	Get(ctx context.Context, id string) (*store.Record, error)
	// Append records entries of one shard.
	Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error)
	// ShardOf is the shard of an entry.
	ShardOf(e store.Entry) string
}

// Queue is what is asked of the queue; see [queue.Queue].
type Queue interface {
	Ready(ctx context.Context) error
	Redeliver(ctx context.Context, events ...queue.Redelivery) error
}

// Config is what a Releaser is made of.
type Config struct {
	// Store has the events, and Queue gets those that are due. Required.
	Store Store
	Queue Queue
	// Notify is told what was recorded. Required.
	Notify func([]store.Entry)
	// Lease is how long a process may take to hand events over that it claimed; after that another one does, which
	// takes it to be gone. The clocks of all machines have to agree to a third of it. Default 30s.
	Lease time.Duration
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Releaser hands over what is due. Make one with [New].
type Releaser struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	work    health.Work
	// handed are the claims whose events the queue has, which the log does not know yet.
	handed []*store.Record
}

// New returns a Releaser. It fails when the metrics are registered already.
func New(cfg Config) (*Releaser, error) {
	if cfg.Lease == 0 {
		cfg.Lease = defaultLease
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Releaser{cfg: cfg, log: cfg.Logger, metrics: m}, nil
}

// Healthy returns nil while what is due is handed over.
func (r *Releaser) Healthy() error { return r.work.Healthy() }

// Run hands events over until ctx ends. What is unavailable is tried again.
func (r *Releaser) Run(ctx context.Context) error {
	defer r.work.End()
	for ctx.Err() == nil {
		more, err := r.pass(context.WithoutCancel(ctx)) // What was claimed is handed over.
		if ctx.Err() == nil {
			r.note(err)
		}
		if (!more || err != nil) && !retry.Sleep(ctx, every) {
			break
		}
	}
	return nil
}

// note logs the first of many failures, and their end.
func (r *Releaser) note(err error) {
	switch fails, recovers := r.work.Note(err); {
	case fails:
		r.log.Warn("scheduled events that are due can't be handed over; that is tried again", "error", err)
	case recovers:
		r.log.Info("scheduled events are handed over again")
	}
}

// pass hands over one page of what is due, and reports whether there may be more. First comes what was claimed before:
// no event may overtake an earlier one of its order key that another process is handing over.
func (r *Releaser) pass(ctx context.Context) (more bool, err error) {
	now := time.Now()
	ctx, cancel := context.WithDeadline(store.Fresh(ctx), now.Add(r.cfg.Lease*2/3)) // The rest is for slow clocks.
	defer cancel()
	if err := r.mark(ctx); err != nil {
		return false, err
	}
	claimed, err := r.due(ctx, event.StatusDue, now)
	if err != nil {
		return false, err
	}
	stale := r.stale(claimed.Records, now)
	if len(stale) == 0 && len(claimed.Records) > 0 {
		return false, nil // Another process is at it.
	}
	page := claimed
	if len(stale) == 0 {
		if page, err = r.due(ctx, event.StatusScheduled, now); err != nil {
			return false, err
		}
		stale = page.Records
	}
	overdue := r.metrics.see(stale, now)
	isContested := len(stale) < len(page.Records)
	if err := r.release(ctx, stale, isContested, now); err != nil {
		return false, err
	}
	if overdue > late && len(stale) < pageSize { // The last of a backlog says so for all.
		r.log.Warn("scheduled events were handed over late", "events", len(stale), "late", overdue.Round(time.Second))
	}
	return page.Next != nil, nil // Shards that are away are the store's to report.
}

// due lists events with a status whose time has come, the oldest first.
func (r *Releaser) due(ctx context.Context, status event.Status, now time.Time) (*store.Page, error) {
	page, err := r.cfg.Store.List(ctx, store.Query{
		Statuses: []event.Status{status}, To: store.Micros(now), Oldest: true, Limit: pageSize,
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is due: %w", err)
	}
	return page, nil
}

// stale are those that were claimed by a process that is taken to be gone.
func (r *Releaser) stale(claimed []*store.Record, now time.Time) (stale []*store.Record) {
	for _, record := range claimed {
		if now.Sub(record.UpdatedAt) >= r.cfg.Lease {
			stale = append(stale, record)
		}
	}
	return stale
}
