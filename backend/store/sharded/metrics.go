package sharded

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// newRerouted makes the metric that the store counts itself.
func newRerouted() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_shard_rerouted_total",
		Help: "Batches that met a fenced bucket, whose users had moved, and were routed again.",
	})
}

// register registers the metrics of the store and its shards, whose names are those of the
// configuration.
func (s *Store) register(reg prometheus.Registerer) error {
	all := []prometheus.Collector{s.rerouted}
	for _, m := range s.members {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "botgate_shard_up",
			Help: "1 while the shard answers, which is asked once a second where there are several, and takes events; " +
				"by its name in the configuration.",
			ConstLabels: prometheus.Labels{"shard": m.name},
		}, func() float64 {
			if m.failure() != nil {
				return 0
			}
			return 1
		}))
	}
	return metric.Register(reg, "the shards", all...)
}
