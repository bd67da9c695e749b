package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/queue"
)

// depthsTimeout bounds what a scrape waits for the queue.
const depthsTimeout = 2 * time.Second

// depths exports how many events each group holds. It asks the queue at each scrape; while the
// queue is unavailable the metric is absent, and the health check says why.
type depths struct {
	queue queue.Queue
	desc  *prometheus.Desc
}

func newDepths(q queue.Queue) *depths {
	return &depths{queue: q, desc: prometheus.NewDesc("botgate_queue_depth",
		"Events waiting or being worked on, by group: record, dispatch, dead for the dead letters, or parked for what waits for a shard that is down.",
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
