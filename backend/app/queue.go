package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/dispatch"
	blobopen "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	queueopen "github.com/botgate/botgate/internal/queue/open"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/queue/up"
	"github.com/botgate/botgate/internal/tracing"
)

const (
	// closeQueue bounds closing the queue, which waits for publishes in flight.
	closeQueue = 10 * time.Second
	// closeSpool bounds closing the spool of outcomes, which ends what it drains.
	closeSpool = 10 * time.Second
	// maxOutcomeAge has the spool of outcomes refuse them for its size alone.
	maxOutcomeAge = 365 * 24 * time.Hour
)

// needsQueue reports whether a role of this process works with the queue.
func (a *App) needsQueue() bool {
	return a.settings.Has(config.Record) || a.settings.Has(config.Dispatch) || a.settings.Has(config.Jobs)
}

// openQueue opens the queue unless it was given, which is then its owner's to close.
func (a *App) openQueue(ctx context.Context) error {
	switch {
	case a.queue != nil:
		a.outcomes = a.queue // It spools by itself, or need not. Whether it is up, its owner shows.
	case !a.needsQueue():
		lazy := &lazyQueue{settings: a.settings}
		a.retrier, a.waiting = lazy, lazy
		a.onClose("queue", closeQueue, lazy.close)
		return nil
	default:
		q, err := openQueue(ctx, a.settings, queueopen.Options{Logger: a.log}, a.messaging)
		if err != nil {
			return err
		}
		a.queue = q
		a.onClose("queue", closeQueue, q.Close)
		if err := metric.Register(a.registry, "the blob store", claimcheck.Collectors()...); err != nil {
			return err
		}
		if err := metric.Register(a.registry, "the queue", up.New(func() queue.Queue { return q })); err != nil {
			return err
		}
		if a.outcomes, err = a.openOutcomes(ctx, q); err != nil {
			return err
		}
	}
	a.retrier, a.waiting = a.queue, a.queue
	if !a.needsQueue() {
		return nil
	}
	a.health.Add("queue", a.queue.Ready)
	return metric.Register(a.registry, "the queue", newQueueMetrics(a.queue, a.bots.names))
}

// openOutcomes has a spool take what came of deliveries while the broker does not, where there is to
// be one.
func (a *App) openOutcomes(ctx context.Context, broker queue.Queue) (dispatch.Queue, error) {
	if !a.settings.SpoolsOutcomes() {
		return broker, nil
	}
	log := a.log.With("role", string(config.Dispatch))
	s, err := spool.Open(ctx, spool.Config{
		Path: a.settings.OutcomeSpool, Option: config.EnvOutcomeSpool, Without: config.EnvOutcomeSpool + "=off",
		Messaging: a.messaging, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.EnvOutcomeSpool, err)
	}
	a.onClose("spool of outcomes", closeSpool, s.Close)
	if err := metric.Register(a.registry, "the spool", spool.Collectors()...); err != nil {
		return nil, err
	}
	return s.Queue(broker, spool.Options{MaxAge: maxOutcomeAge, OneBot: a.bots.isOne}), nil
}

// VisitQueue opens the queue of the settings for a command, while other processes run the queue; see
// [queueopen.Options.Guest]. Errors name the option to change.
func VisitQueue(ctx context.Context, settings config.Config) (queue.Queue, error) {
	return openQueue(ctx, settings, queueopen.Options{Guest: true}, nil)
}

// openQueue opens the queue of the settings, whose large bodies are in their blob store.
func openQueue(
	ctx context.Context, settings config.Config, opts queueopen.Options, messaging *tracing.Messaging,
) (queue.Queue, error) {
	opts.History = settings.History
	q, err := queueopen.Open(ctx, settings.QueueURL, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.EnvQueueURL, err)
	}
	cfg := claimcheck.Config{Messaging: messaging, Logger: opts.Logger}
	if address := settings.Blobs(); address != "" {
		if cfg.Blobs, err = blobopen.Open(address); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", config.EnvBlobURL, err), q.Close())
		}
	}
	return claimcheck.New(q, cfg), nil
}

// lazyQueue is a queue that is opened when somebody wants something of it.
type lazyQueue struct {
	settings config.Config

	mu     sync.Mutex
	queue  queue.Queue
	closed bool
}

// get opens the queue unless it is open.
func (l *lazyQueue) get(ctx context.Context) (queue.Queue, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, queue.ErrUnavailable
	case l.queue != nil:
		return l.queue, nil
	}
	q, err := VisitQueue(context.WithoutCancel(ctx), l.settings)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	l.queue = q
	return q, nil
}

// close closes the queue if get opened it.
func (l *lazyQueue) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.queue == nil {
		return nil
	}
	return l.queue.Close()
}

// RetryNow implements [api.Retrier].
func (l *lazyQueue) RetryNow(ctx context.Context, bot string) error {
	q, err := l.get(ctx)
	if err != nil {
		return err
	}
	return q.RetryNow(ctx, bot)
}

// Publish implements [api.Retrier].
func (l *lazyQueue) Publish(ctx context.Context, events ...*event.Event) error {
	q, err := l.get(ctx)
	if err != nil {
		return err
	}
	return q.Publish(ctx, events...)
}

// Depths implements [api.Queue].
func (l *lazyQueue) Depths(ctx context.Context) (map[queue.Group]int64, error) {
	q, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return q.Depths(ctx)
}

// Activity implements [api.Queue].
func (l *lazyQueue) Activity(ctx context.Context) (queue.Activity, error) {
	q, err := l.get(ctx)
	if err != nil {
		return queue.Activity{}, err
	}
	return q.Activity(ctx)
}

// GiveUp implements [api.Retrier].
func (l *lazyQueue) GiveUp(ctx context.Context, bot, id string) error {
	q, err := l.get(ctx)
	if err != nil {
		return err
	}
	return q.GiveUp(ctx, bot, id)
}
