package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
)

const (
	// maxDeadCount is as far as events with a status are counted: from then on their number is that there are many.
	maxDeadCount = 10_000
	// deadCountTimeout bounds what a scrape waits for the databases.
	deadCountTimeout = 2 * time.Second
)

// counted exports how many events have a status. It asks the databases at each scrape; while one does not answer the
// metric is absent.
type counted struct {
	count  func(ctx context.Context, status event.Status, limit int) (int64, error)
	status event.Status
	desc   *prometheus.Desc
}

// countDeadLetters goes with the role record.
func (a *App) countDeadLetters(context.Context) error {
	if !a.settings.Has(config.Record) {
		return nil
	}
	return metric.Register(a.registry, "the dead letters", &counted{a.store.Count, event.StatusDead, prometheus.NewDesc("botgate_dead_letters",
		"Dead letters in the event log: events that were given up and neither replayed nor dropped; 10000 for that many and more.", nil, nil)})
}

// Describe implements [prometheus.Collector].
func (d *counted) Describe(descs chan<- *prometheus.Desc) { descs <- d.desc }

// Collect implements [prometheus.Collector].
func (d *counted) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), deadCountTimeout)
	defer cancel()
	if n, err := d.count(ctx, d.status, maxDeadCount); err == nil {
		metrics <- prometheus.MustNewConstMetric(d.desc, prometheus.GaugeValue, float64(n))
	}
}
