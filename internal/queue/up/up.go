// Package up shows whether the queue and its history work. Gateway and backend have it alike.
package up

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
)

// New returns the metrics of a queue, which is nil while there is none: then there are no metrics. It is to be
// the broker itself, since a spool hides from those who publish that the broker is away.
func New(broker func() queue.Queue) prometheus.Collector {
	c := &collector{
		broker:  broker,
		queue:   prometheus.NewDesc("botgate_queue_up", "1 while the queue takes events from this process, 0 while it does not.", nil, nil),
		history: prometheus.NewDesc("botgate_history_up", "0 while events are accepted that will be missing in the history, else 1.", nil, nil),
	}
	c.ready = metric.NewAsk(func(ctx context.Context) (bool, error) { return true, c.broker().Ready(ctx) })
	return c
}

type collector struct {
	broker         func() queue.Queue
	ready          *metric.Ask[bool]
	queue, history *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- c.queue
	descs <- c.history
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	broker := c.broker()
	if broker == nil {
		return
	}
	_, err := c.ready.Answer()
	metrics <- gauge(c.queue, err)
	if err := broker.HistoryReady(); !errors.Is(err, queue.ErrNoHistory) {
		metrics <- gauge(c.history, err)
	}
}

// gauge is 1 where there is no error.
func gauge(desc *prometheus.Desc, err error) prometheus.Metric {
	value := 1.0
	if err != nil {
		value = 0
	}
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
}
