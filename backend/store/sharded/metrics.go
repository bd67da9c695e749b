package sharded

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	rerouted prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, s *Store) (*metrics, error) {
	m := &metrics{rerouted: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_shard_rerouted_total",
		Help: "Batches that met a fenced bucket, whose users had moved, and were routed again.",
	})}
	return m, metric.Register(reg, "the shards", m.rerouted, up{s})
}

var upDesc = prometheus.NewDesc("botgate_shard_up",
	"1 while the shard answers, which is asked once a second where there are several, and takes events; by its name in the configuration.",
	[]string{"shard"}, nil)

// up shows which shards are up. Their names are those of the configuration.
type up struct{ s *Store }

// Describe implements [prometheus.Collector].
func (up) Describe(ch chan<- *prometheus.Desc) { ch <- upDesc }

// Collect implements [prometheus.Collector].
func (u up) Collect(ch chan<- prometheus.Metric) {
	for _, m := range u.s.members {
		value := 1.0
		if m.failure() != nil {
			value = 0
		}
		ch <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, value, m.name)
	}
}
