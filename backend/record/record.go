// Package record takes everything that happened from the queue and writes it to the
// store in batches. It acks only after the commit: recording is at-least-once, and the store
// ignores what it has already.
//
// Where the store is made of several databases, each event belongs to one of these shards, and
// each shard has a batch writer with a circuit breaker. What a shard does not take is parked in
// a parking lot of the queue, so that nothing waits for it but its own events; they come from
// there once it is back.
package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/internal/tracing"
)

const (
	// defaultBatchSize is the default of [Config.BatchSize].
	defaultBatchSize = 1000
	// Grace is how long Run goes on with the batches in flight once its context has ended.
	Grace = 5 * time.Second

	// workers is how many batches of a shard are in flight at once: the next one is
	// written while the database commits the last.
	workers = 2
)

// Queue is what record asks of a queue.
type Queue interface {
	Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error)
}

// Store is what record asks of a store; see the interface in package store.
type Store interface {
	Append(ctx context.Context, entries []store.Entry) ([]store.Entry, error)
}

// Reports is what record asks of who keeps the reports of gateways.
type Reports interface {
	Add(ctx context.Context, r *report.Report) error
}

// Config is what a Recorder is made of.
type Config struct {
	// Queue is consumed in the group record, and in the parking lots of Shards. Required.
	Queue Queue
	// Store takes the events, those of one shard at a time. Required.
	Store Store
	// Shards are the names of the databases that the store is made of, each fit for a parking
	// lot ([queue.CheckParkingLot]), so that a shard that is down holds up no other. Default: there
	// is one database, and what it does not take waits where it is.
	Shards []string
	// Shard names the one of Shards that an entry belongs to. Entries of any other name are
	// appended together and are never parked. Required with Shards.
	Shard func(store.Entry) string
	// Reports takes what gateways say of themselves, once each, with errors as Store has them. It is kept in the first
	// of Shards. Required where gateways send reports; without it they are dropped.
	Reports Reports
	// Notify gets what was newly recorded, after each commit and before the ack. It must not
	// take long. Default: none.
	Notify func([]store.Entry)
	// BatchSize is how many events are written in one transaction at most. There is
	// no waiting for a batch to fill: it takes what came while the one before was written.
	// Three batches may be in memory; with several shards six, and one for each of them that
	// is down. Default 1000.
	BatchSize int
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Messaging makes the spans of batches. Default: none.
	Messaging *tracing.Messaging
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Recorder is the role record.
type Recorder struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	// breakers are by shard. The one without a name is for what belongs to no other.
	breakers map[string]*breaker
	// reports is for those of gateways, which hold up no events.
	reports *breaker
	// queueErr is why the queue gives or takes nothing; nil while it does.
	queueErr atomic.Pointer[error]
}

var errNotRunning = errors.New("record is not consuming")

// New makes a recorder. It fails when the metrics are registered already, or a shard has a
// name that is not fit.
func New(cfg Config) (*Recorder, error) {
	if cfg.BatchSize <= 0 {
		cfg.BatchSize = defaultBatchSize
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Notify == nil {
		cfg.Notify = func([]store.Entry) {}
	}
	if len(cfg.Shards) < 2 {
		cfg.Shards, cfg.Shard = nil, func(store.Entry) string { return "" }
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	r := &Recorder{cfg: cfg, log: cfg.Logger, metrics: m, breakers: map[string]*breaker{}}
	r.breakers[""] = newBreaker("", cfg.BatchSize, m, cfg.Logger)
	for _, name := range cfg.Shards {
		if err := queue.CheckParkingLot(name); err != nil {
			return nil, fmt.Errorf("database shards: %w", err)
		}
		r.breakers[name] = newBreaker(name, cfg.BatchSize, m, cfg.Logger)
	}
	first := ""
	if len(cfg.Shards) > 0 {
		first = cfg.Shards[0]
	}
	r.reports = newBreaker(first, cfg.BatchSize, m, cfg.Logger.With("part", "reports"))
	r.queueErr.Store(&errNotRunning)
	return r, nil
}

// Healthy returns nil while events are consumed and the store takes them, in one shard at
// least.
func (r *Recorder) Healthy() error {
	if err := r.queueErr.Load(); err != nil {
		return *err
	}
	if len(r.cfg.Shards) == 0 {
		return r.breakers[""].failure()
	}
	var err error
	for _, name := range r.cfg.Shards {
		if err = r.breakers[name].failure(); err == nil {
			return nil
		}
	}
	return err
}

// breakerOf is the breaker of the shard that an item belongs to.
func (r *Recorder) breakerOf(it item) *breaker {
	if it.report != nil {
		return r.reports
	}
	if it.reject == nil {
		if b, ok := r.breakers[r.cfg.Shard(it.entry)]; ok {
			return b
		}
	}
	return r.breakers[""]
}

// Run records until ctx ends and then returns nil, once the batches in flight are
// committed or [Grace] is over; what is not committed stays in the queue. It returns an
// error when the queue can't be consumed, and may be called again.
func (r *Recorder) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(Grace, cancel) })()

	intakes, err := r.subscribe(ctx, finish)
	if err != nil {
		return errors.Join(fmt.Errorf("subscribing to the queue: %w", err), closeAll(intakes))
	}
	r.queueErr.Store(nil)
	defer r.queueErr.Store(&errNotRunning)
	for _, in := range intakes {
		group.Go(func() error { return in.run(ctx) })
	}
	return errors.Join(group.Wait(), closeAll(intakes))
}

// subscribe begins to consume the group record and the parking lot of each
// shard: any process may have parked there, this one before its last restart included.
func (r *Recorder) subscribe(ctx, finish context.Context) (intakes []*intake, err error) {
	// One batch more than is being worked on is held ready, or twice that for the batches of
	// several shards.
	prefetch := (workers + 1) * r.cfg.BatchSize
	if len(r.cfg.Shards) > 0 {
		prefetch *= 2
	}
	add := func(group queue.Group, home string, prefetch int) error {
		c, err := r.cfg.Queue.Subscribe(ctx, group, queue.SubscribeOptions{Prefetch: prefetch})
		if err == nil {
			intakes = append(intakes, &intake{
				rec: r, consumer: c, home: home, prefetch: prefetch, finish: finish, writers: map[*breaker]*writer{},
			})
		}
		return err
	}
	if err := add(queue.Record, "", prefetch); err != nil {
		return intakes, err
	}
	for _, name := range r.cfg.Shards {
		if err := add(queue.ParkingLot(name), name, r.cfg.BatchSize); err != nil {
			return intakes, err
		}
	}
	return intakes, nil
}

func closeAll(intakes []*intake) (err error) {
	for _, in := range intakes {
		if closing := in.consumer.Close(); closing != nil && !errors.Is(closing, queue.ErrClosed) {
			err = errors.Join(err, fmt.Errorf("closing a consumer: %w", closing))
		}
	}
	return err
}

// queueFailed and queueRecovered log the first of many failures of the queue and its end.
func (r *Recorder) queueFailed(err error) {
	if r.queueErr.Swap(&err) == nil {
		r.log.Warn("recorded events can't be acknowledged, so they may be redelivered", slog.Any("error", err))
	}
}

func (r *Recorder) queueRecovered() {
	if r.queueErr.Swap(nil) != nil {
		r.log.Info("recorded events are acknowledged again")
	}
}
