// Package record takes everything that happened from the queue and writes it to the
// store in batches. The queue is told only after the commit, so nothing is lost.
//
// Where the store is made of several databases, each event belongs to one of these shards.
// What a shard does not take is parked in the queue, in a lane of its own, so that nothing
// waits for it but its own events; they come from there once it is well.
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
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// DefaultBatchSize is the default of [Config.BatchSize].
	DefaultBatchSize = 1000
	// Grace is how long Run goes on with the batches under way once it is told to end.
	Grace = 5 * time.Second

	// workers is how many batches of a shard are under way at once: the next one is
	// written while the database commits the last.
	workers = 2
)

// Queue is what record asks of a queue.
type Queue interface {
	Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error)
}

// Store is what record asks of a store; see the interface in package store.
type Store interface {
	Append(ctx context.Context, events []*event.Event) ([]store.Entry, error)
}

// Config is what a Recorder is made of.
type Config struct {
	// Queue is consumed in the group record, and in the parking lots of Shards. Required.
	Queue Queue
	// Store takes the events, those of one shard at a time. Required.
	Store Store
	// Shards are the names of the databases that the store is made of, each fit for a parking
	// lot ([queue.CheckParkingLot]). A shard that is down holds up no other. Default: there is
	// one database, and what it does not take waits where it is.
	Shards []string
	// Shard names the one of Shards that an event belongs to. Events of any other name are
	// appended together and are never parked. Required with Shards.
	Shard func(*event.Event) string
	// Notify is told what was newly recorded, after each commit and before the queue is. It
	// must not take long. Default: nobody is told.
	Notify func([]store.Entry)
	// BatchSize is how many events are written in one transaction at most. There is
	// no waiting for a batch to fill: it takes what came while the one before was written.
	// Three batches may be in memory; with several shards six, and one for each of them that
	// is away. Default 1000.
	BatchSize int
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Recorder is the role record.
type Recorder struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	// shards are by name. The one without a name is for the events of no other.
	shards map[string]*shard
	// trouble is what keeps all events from being recorded.
	trouble atomic.Pointer[error]
}

var errNotRunning = errors.New("record is not consuming")

// New makes a recorder. It fails when the metrics are registered already, or a shard has a
// name that is not fit.
func New(cfg Config) (*Recorder, error) {
	if cfg.BatchSize <= 0 {
		cfg.BatchSize = DefaultBatchSize
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Notify == nil {
		cfg.Notify = func([]store.Entry) {}
	}
	if len(cfg.Shards) < 2 {
		cfg.Shards, cfg.Shard = nil, func(*event.Event) string { return "" }
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	r := &Recorder{cfg: cfg, log: cfg.Logger, metrics: m, shards: map[string]*shard{}}
	r.shards[""] = newShard("", cfg.BatchSize, m, cfg.Logger)
	for _, name := range cfg.Shards {
		if err := queue.CheckParkingLot(name); err != nil {
			return nil, fmt.Errorf("database shards: %w", err)
		}
		r.shards[name] = newShard(name, cfg.BatchSize, m, cfg.Logger)
		if err := r.shards[name].registerUp(cfg.Registerer); err != nil {
			return nil, err
		}
	}
	r.trouble.Store(&errNotRunning)
	return r, nil
}

// Healthy returns nil while events are consumed and the store takes them, in one shard at
// least.
func (r *Recorder) Healthy() error {
	if err := r.trouble.Load(); err != nil {
		return *err
	}
	if len(r.cfg.Shards) == 0 {
		return r.shards[""].away()
	}
	var err error
	for _, name := range r.cfg.Shards {
		if err = r.shards[name].away(); err == nil {
			return nil
		}
	}
	return err
}

// shardOf is where an event belongs.
func (r *Recorder) shardOf(e *event.Event) *shard {
	if s, ok := r.shards[r.cfg.Shard(e)]; ok {
		return s
	}
	return r.shards[""]
}

// Run records until ctx ends and then returns nil, once the batches under way are
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
	r.trouble.Store(nil)
	defer r.trouble.Store(&errNotRunning)
	for _, in := range intakes {
		group.Go(func() error { return in.run(ctx) })
	}
	return errors.Join(group.Wait(), closeAll(intakes))
}

// subscribe begins to consume the group record and the parking lot of each shard. What a lot
// holds is there as soon as anybody parked it, and when this process starts anew.
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
				Recorder: r, consumer: c, home: home, prefetch: prefetch, finish: finish, lanes: map[*shard]*lane{},
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
