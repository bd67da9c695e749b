package botgate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	blobopen "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/collector"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	queueopen "github.com/botgate/botgate/internal/queue/open"
	"github.com/botgate/botgate/internal/queue/spool"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/pooled"
	"github.com/botgate/botgate/modules/internal/refusals"
)

// The pools outlive a configuration: a file that is drained over a reload, for one, must not be
// opened twice.
var (
	redisPool = pooled.New[string, *redisclient.Pipe]()
	queuePool = pooled.New[queueKey, queue.Queue]()
	spoolPool = pooled.New[string, *spool.Spool]()
	// pacerPool has the one of this process, which its memory limit is a property of.
	pacerPool = pooled.New[struct{}, *collector.Pacer]()
	// refusalsPool has the one tally of this process.
	refusalsPool = pooled.New[struct{}, *refusals.Tally]()
	// tracingPool has the one provider of this process.
	tracingPool = pooled.New[struct{}, *tracing.Provider]()
)

type queueKey struct {
	url, history string
	maxSize      int64
}

// opened is what a configuration opens when it starts, and not when it is read: validating one
// must not touch files or brokers.
type opened struct {
	// queue is what handlers publish to: the claim check, over the spool, over the broker.
	queue queue.Queue
	// broker is the queue without what decorates it.
	broker queue.Queue
	// spool is the one in queue; nil where nothing is spooled.
	spool   *spool.Queue
	closers []func() error
	// holders are those who need it open: the configuration, and who else called Hold.
	holders int
}

// close releases everything, the last first.
func (o *opened) close() error {
	var errs []error
	for _, closer := range slices.Backward(o.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// Queue returns the shared queue, which it opens where the app has not started yet. Large bodies
// go to the blob store. After Cleanup a queue that was never opened is [queue.ErrClosed].
func (a *App) Queue() (queue.Queue, error) {
	if o := a.opened.Load(); o != nil {
		return o.queue, nil
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	if o := a.opened.Load(); o != nil {
		return o.queue, nil
	}
	if a.released {
		return nil, queue.ErrClosed
	}
	o := new(opened)
	if err := a.open(o); err != nil {
		return nil, errors.Join(err, o.close())
	}
	o.holders = 1
	a.opened.Store(o)
	return o.queue, nil
}

// Hold returns the shared queue, which stays open until release is called, also after Cleanup: Caddy stops
// apps in no order, and one that works on the queue is to end its work first.
func (a *App) Hold() (q queue.Queue, release func() error, err error) {
	if q, err = a.Queue(); err != nil {
		return nil, nil, err
	}
	a.opening.Lock()
	defer a.opening.Unlock()
	a.opened.Load().holders++
	return q, sync.OnceValue(func() error {
		a.opening.Lock()
		defer a.opening.Unlock()
		return a.drop()
	}), nil
}

// drop closes what was opened once nobody holds it. The caller has opening.
func (a *App) drop() error {
	o := a.opened.Load()
	if o.holders--; o.holders > 0 {
		return nil
	}
	return o.close()
}

func (a *App) open(o *opened) error {
	o.closers = append(o.closers, a.endTracing) // Who holds the queue makes spans of the last events, too.
	_, err := pacerPool.Acquire(struct{}{}, func() (*collector.Pacer, error) { return collector.Start(), nil })
	if err != nil {
		return err
	}
	o.closers = append(o.closers, func() error { return pacerPool.Release(struct{}{}) })
	key := queueKey{a.QueueURL, a.History, a.QueueMaxSize}
	broker, err := queuePool.Acquire(key, func() (queue.Queue, error) {
		// The queue lives as long as the pool holds it, not as long as one configuration.
		return queueopen.Open(context.Background(), a.QueueURL, queueopen.Options{
			History: a.History, MaxBytes: a.QueueMaxSize, Logger: a.logger,
		})
	})
	if err != nil {
		return fmt.Errorf("option queue: %w", err)
	}
	o.closers = append(o.closers, func() error { return queuePool.Release(key) })
	// No handler accepts an event before it has the queue, so the new bots of a reload have theirs.
	o.broker = broker
	if err := broker.DeclareBots(context.Background(), a.queues()); err != nil {
		return fmt.Errorf("option queue: %w", err)
	}
	reporter := refusals.Start(refusals.Config{Tally: a.refusals, Publish: broker.Publish, Process: a.process, Logger: a.logger})
	o.closers = append(o.closers, reporter.Close)
	// Without a store there is a claim check too, for the embedded backend: it lets events wait
	// whose bodies other gateways put elsewhere.
	check := claimcheck.Config{Threshold: a.Blob.threshold(), Messaging: a.messaging, Logger: a.logger}
	if a.Blob.URL != "" {
		if check.Blobs, err = blobopen.Open(a.Blob.URL); err != nil {
			return fmt.Errorf("option blob: %w", err)
		}
		o.closers = append(o.closers, check.Blobs.Close)
	}
	if err := a.openSpool(o, broker); err != nil {
		return fmt.Errorf("option spool: %w", err)
	}
	if o.spool != nil {
		broker = o.spool
	}
	o.queue = claimcheck.New(broker, check)
	return nil
}

// openSpool puts the spool before a broker. Where nothing is to be spooled there is none, unless
// events are left in its file from before: they go to the queue that is there now.
func (a *App) openSpool(o *opened, broker queue.Queue) error {
	rejects := a.OnBrokerError == onBrokerErrorReject || strings.HasPrefix(a.QueueURL, "sqlite:")
	if _, err := os.Stat(a.Spool.Path); rejects && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	shared, err := spoolPool.Acquire(a.Spool.Path, func() (*spool.Spool, error) {
		return spool.Open(context.Background(), spool.Config{Path: a.Spool.Path, Messaging: a.messaging, Logger: a.logger})
	})
	if err != nil {
		return err
	}
	o.spool = shared.Queue(broker, spool.Options{
		Reject: rejects, MaxBytes: a.Spool.MaxSize, MaxAge: time.Duration(a.Spool.MaxAge), OneBot: func() bool { return len(a.bots()) == 1 },
	})
	// The last one to release the spool drains it to its own queue, as far as that takes events. What is
	// left is drained to the next configuration's, or after the next start.
	o.closers = append(o.closers, o.spool.Close, func() error { return spoolPool.Release(a.Spool.Path) })
	return nil
}

// Ready returns nil when events can be accepted: by the queue, or by the spool before it.
func (a *App) Ready(ctx context.Context) error {
	q, err := a.Queue() //nolint:contextcheck // What it opens lives longer than the request.
	if err != nil {
		return err
	}
	return q.Ready(ctx)
}

// broker is the queue without what decorates it; nil until it is opened.
func (a *App) broker() queue.Queue {
	if o := a.opened.Load(); o != nil {
		return o.broker
	}
	return nil
}

// spooling reports whether accepted events wait in the spool.
func (a *App) spooling() bool {
	o := a.opened.Load()
	return o != nil && o.spool != nil && o.spool.Spooling()
}
