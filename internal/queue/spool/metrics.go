package spool

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

const subsystem = "spool"

var (
	spooledTotal = counter("spooled_total", "Events that were accepted into the spool.")
	drainedTotal = counter("drained_total", "Events that the broker confirmed from the spool.")
	refusedTotal = counter("refused_total",
		"Spooled events that the broker refused for good and that were kept aside in the spool's file.")
	collectors = []prometheus.Collector{
		spooledTotal, drainedTotal, refusedTotal,
		gauge("degraded", "1 while accepted events wait in the spool instead of being in the broker.",
			func(s Stats) float64 { return float64(min(s.Events, 1)) }),
		gauge("events", "Events that wait in the spool.",
			func(s Stats) float64 { return float64(s.Events) }),
		gauge("bytes", "What the events in the spool count for against its size, those kept aside included.",
			func(s Stats) float64 { return float64(s.Bytes) }),
		gauge("max_bytes", "What the events in the spool may count for together; beyond it none is accepted.",
			func(s Stats) float64 { return float64(s.MaxBytes) }),
		gauge("max_age_seconds", "How old the oldest event in the spool may be; beyond it none is accepted behind it.",
			func(s Stats) float64 { return s.MaxAge.Seconds() }),
		gauge("oldest_seconds", "Age of the oldest event that waits in the spool, to the minute; 0 when none does.", age),
		byBot{},
	}

	// live has the spools that are open; a reload can have two.
	live sync.Map
)

// Collectors returns the metrics of all spools of this process together.
func Collectors() []prometheus.Collector { return collectors }

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: name, Help: help,
	})
}

func gauge(name, help string, value func(Stats) float64) prometheus.Collector {
	opts := prometheus.GaugeOpts{Namespace: metric.Namespace, Subsystem: subsystem, Name: name, Help: help}
	return prometheus.NewGaugeFunc(opts, func() float64 { return value(liveStats()) })
}

func age(s Stats) float64 {
	if s.Oldest.IsZero() {
		return 0
	}
	return time.Since(s.Oldest).Seconds()
}

// Stats is what a spool holds.
type Stats struct {
	// Events is how many wait to be drained.
	Events int
	// Bytes is what the file's contents count for; see [Options].
	Bytes int64
	// Oldest is when the event was accepted that waits for longest; zero when none does.
	Oldest time.Time
	// MaxBytes and MaxAge are the bounds of the queue that the spool drains to; see [Options]. Zero without one.
	MaxBytes int64
	MaxAge   time.Duration
}

// Stats returns what the spool holds at present.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{Events: s.index.events, Bytes: s.index.bytes, Oldest: s.index.oldest()}
	if n := len(s.queues); n > 0 {
		stats.MaxBytes, stats.MaxAge = s.queues[n-1].options.MaxBytes, s.queues[n-1].options.MaxAge
	}
	return stats
}

// BotStats returns what the spool holds, or held since it was opened, of each bot. Oldest is that of what
// waits for the bot's own queue.
func (s *Spool) BotStats() map[string]Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := make(map[string]Stats, len(s.index.bots))
	for bot, of := range s.index.bots {
		stats[bot] = Stats{Events: of.events, Bytes: of.bytes, Oldest: of.dispatch.oldest()}
	}
	return stats
}

// plus adds what another spool holds, and what it may hold. The smaller age is the bound.
func (s Stats) plus(o Stats) Stats {
	if s.Oldest.IsZero() || !o.Oldest.IsZero() && o.Oldest.Before(s.Oldest) {
		s.Oldest = o.Oldest
	}
	if s.MaxAge == 0 || o.MaxAge > 0 && o.MaxAge < s.MaxAge {
		s.MaxAge = o.MaxAge
	}
	return Stats{s.Events + o.Events, s.Bytes + o.Bytes, s.Oldest, s.MaxBytes + o.MaxBytes, s.MaxAge}
}

// liveStats is what all spools hold together.
func liveStats() (sum Stats) {
	live.Range(func(each, _ any) bool {
		sum = sum.plus(each.(*Spool).Stats())
		return true
	})
	return sum
}
