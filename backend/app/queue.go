package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	blobopen "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	queueopen "github.com/botgate/botgate/internal/queue/open"
)

const (
	// closeQueue bounds closing the queue, which waits for publishes in flight.
	closeQueue = 10 * time.Second
	// depthsTimeout bounds what a scrape waits for the queue.
	depthsTimeout = 2 * time.Second
)

// needsQueue reports whether a role of this process works with the queue.
func (a *App) needsQueue() bool {
	return a.settings.Has(config.Record) || a.settings.Has(config.Dispatch) || a.settings.Has(config.Jobs)
}

// openQueue opens the queue unless it was given, which is then its owner's to close.
func (a *App) openQueue(ctx context.Context) error {
	if !a.needsQueue() {
		return nil
	}
	if a.queue == nil {
		q, err := OpenQueue(ctx, a.settings, a.log)
		if err != nil {
			return err
		}
		a.queue = q
		a.onStop(step{"queue", closeQueue, func(ctx context.Context) error { return within(ctx, q.Close) }})
		if err := metric.Register(a.registry, "the blob store", claimcheck.Collectors()...); err != nil {
			return err
		}
	}
	a.health.Add("queue", a.queue.Ready)
	return metric.Register(a.registry, "the queue", newDepths(a.queue))
}

// OpenQueue opens the queue of the settings, whose large bodies are in their blob store.
// Errors name the option to change.
func OpenQueue(ctx context.Context, settings config.Config, logger *slog.Logger) (queue.Queue, error) {
	return openQueue(ctx, settings, queueopen.Options{History: settings.History, Logger: logger})
}

// VisitQueue is OpenQueue for a command, while other processes run the queue; see
// [queueopen.Options.Guest].
func VisitQueue(ctx context.Context, settings config.Config) (queue.Queue, error) {
	return openQueue(ctx, settings, queueopen.Options{History: settings.History, Guest: true})
}

func openQueue(ctx context.Context, settings config.Config, opts queueopen.Options) (queue.Queue, error) {
	q, err := queueopen.Open(ctx, settings.QueueURL, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.EnvQueueURL, err)
	}
	cfg := claimcheck.Config{Logger: opts.Logger}
	if address := settings.Blobs(); address != "" {
		if cfg.Blobs, err = blobopen.Open(address); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", config.EnvBlobURL, err), q.Close())
		}
	}
	return claimcheck.New(q, cfg), nil
}

// depths exports how many events each group holds. It asks the queue at each scrape; while the
// queue is unavailable the metric is absent, and the health check says why.
type depths struct {
	queue queue.Queue
	desc  *prometheus.Desc
}

func newDepths(q queue.Queue) *depths {
	return &depths{queue: q, desc: prometheus.NewDesc("botgate_queue_depth",
		"Events ready or in flight, by group: record, dispatch, dead for the dead letters, or parked for what waits for a shard that is down.",
		[]string{"group"}, nil)}
}

// Describe implements [prometheus.Collector].
func (d *depths) Describe(descs chan<- *prometheus.Desc) { descs <- d.desc }

// Collect implements [prometheus.Collector].
func (d *depths) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), depthsTimeout)
	defer cancel()
	waiting, err := d.queue.Depths(ctx)
	if err != nil {
		return
	}
	for group, n := range waiting {
		metrics <- prometheus.MustNewConstMetric(d.desc, prometheus.GaugeValue, float64(n), string(group))
	}
}
