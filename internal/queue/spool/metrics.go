package spool

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	namespace = "botgate"
	subsystem = "spool"
)

var (
	spooledTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "spooled_total",
		Help: "Events that were accepted into the spool.",
	})
	drainedTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "drained_total",
		Help: "Events that the broker confirmed from the spool.",
	})
	refusedTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Subsystem: subsystem, Name: "refused_total",
		Help: "Spooled events that the broker refused for good and that were kept aside in the spool's file.",
	})
	degradedDesc = prometheus.NewDesc("botgate_spool_degraded", "1 while accepted events wait in the spool instead of being in the broker.", nil, nil)
	eventsDesc   = prometheus.NewDesc("botgate_spool_events", "Events that wait in the spool.", nil, nil)
	bytesDesc    = prometheus.NewDesc("botgate_spool_bytes", "What the events in the spool count for against its size, those kept aside included.", nil, nil)
	oldestDesc   = prometheus.NewDesc("botgate_spool_oldest_seconds", "Age of the oldest event that waits in the spool; 0 when none does.", nil, nil)

	live = &spools{open: map[*Spool]struct{}{}}
)

// Collectors returns the metrics of all spools of this process together.
func Collectors() []prometheus.Collector {
	return []prometheus.Collector{spooledTotal, drainedTotal, refusedTotal, live}
}

// Stats is what a spool holds.
type Stats struct {
	// Events is how many wait to be drained.
	Events int
	// Bytes is what the file's contents count for; see [Options].
	Bytes int64
	// Oldest is when the event was accepted that waits for longest; zero when none does.
	Oldest time.Time
}

// Stats returns what the spool holds at present.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{s.index.events, s.index.bytes, s.index.oldest}
}

// spools collects the metrics of those that are open; a reload can have two.
type spools struct {
	mu   sync.Mutex
	open map[*Spool]struct{}
}

func (s *spools) add(opened *Spool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[opened] = struct{}{}
}

func (s *spools) remove(closed *Spool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, closed)
}

// Describe implements [prometheus.Collector].
func (*spools) Describe(out chan<- *prometheus.Desc) {
	out <- degradedDesc
	out <- eventsDesc
	out <- bytesDesc
	out <- oldestDesc
}

// Collect implements [prometheus.Collector].
func (s *spools) Collect(out chan<- prometheus.Metric) {
	var (
		sum Stats
		age time.Duration
	)
	s.mu.Lock()
	for each := range s.open {
		stats := each.Stats()
		sum.Events += stats.Events
		sum.Bytes += stats.Bytes
		if !stats.Oldest.IsZero() {
			age = max(age, time.Since(stats.Oldest))
		}
	}
	s.mu.Unlock()
	out <- prometheus.MustNewConstMetric(degradedDesc, prometheus.GaugeValue, float64(min(sum.Events, 1)))
	out <- prometheus.MustNewConstMetric(eventsDesc, prometheus.GaugeValue, float64(sum.Events))
	out <- prometheus.MustNewConstMetric(bytesDesc, prometheus.GaugeValue, float64(sum.Bytes))
	out <- prometheus.MustNewConstMetric(oldestDesc, prometheus.GaugeValue, age.Seconds())
}
