// Package record takes everything that happened from the queue and writes it to the
// store in batches. The queue is told only after the commit, so nothing is lost.
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
	DefaultBatchSize = 500
	// Grace is how long Run goes on with the batches under way once it is told to end.
	Grace = 5 * time.Second

	// workers is how many batches are under way at once: the next one is collected
	// while the database commits the last.
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
	// Queue is consumed in the group record. Required.
	Queue Queue
	// Store takes the events. Required.
	Store Store
	// BatchSize is how many events are written in one transaction at most. There is
	// no waiting for a batch to fill. Three batches may be in memory. Default 500.
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
	trouble atomic.Pointer[error]
}

var errNotRunning = errors.New("record is not consuming")

// New makes a recorder. It fails when the metrics are registered already.
func New(cfg Config) (*Recorder, error) {
	if cfg.BatchSize <= 0 {
		cfg.BatchSize = DefaultBatchSize
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	r := &Recorder{cfg: cfg, log: cfg.Logger, metrics: m}
	r.trouble.Store(&errNotRunning)
	return r, nil
}

// Healthy returns nil while events are consumed and the store takes them.
func (r *Recorder) Healthy() error {
	if err := r.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// Run records until ctx ends and then returns nil, once the batches under way are
// committed or [Grace] is over; what is not committed stays in the queue. It returns an
// error when the queue can't be consumed, and may be called again.
func (r *Recorder) Run(ctx context.Context) error {
	// One batch more than is being worked on is held ready.
	prefetch := (workers + 1) * r.cfg.BatchSize
	consumer, err := r.cfg.Queue.Subscribe(ctx, queue.Record, queue.SubscribeOptions{Prefetch: prefetch})
	if err != nil {
		return fmt.Errorf("subscribing to the queue: %w", err)
	}
	r.trouble.Store(nil)
	defer r.trouble.Store(&errNotRunning)

	finish, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	unlink := context.AfterFunc(ctx, func() { time.AfterFunc(Grace, cancel) })
	defer unlink()

	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		w := worker{Recorder: r, consumer: consumer, finish: finish}
		group.Go(func() error { return w.consume(ctx) })
	}
	err = group.Wait()
	if closing := consumer.Close(); closing != nil && !errors.Is(closing, queue.ErrClosed) {
		err = errors.Join(err, fmt.Errorf("closing the consumer: %w", closing))
	}
	return err
}
