package botcache

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// result is how a request was answered.
type result string

const (
	// resultHit is by a fresh answer, resultStale by one that is being renewed, resultError by one in place of an
	// error, and resultRevalidated by one that the bot said is still good.
	resultHit         result = "hit"
	resultStale       result = "stale"
	resultError       result = "stale_if_error"
	resultRevalidated result = "revalidated"
	// resultMiss is by the bot, and resultBypass by the bot without a look.
	resultMiss   result = "miss"
	resultBypass result = "bypass"
)

const subsystem = "response_cache"

var (
	results       = metric.Values(resultHit, resultStale, resultError, resultRevalidated, resultMiss, resultBypass)
	requestsTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "requests_total",
		Help: "Requests at bot_cache by how they were answered.",
	}, []string{"result"}), results)
	memoryBytes = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: metric.Namespace, Subsystem: subsystem, Name: "memory_bytes",
		Help: "What all bot_cache handlers keep, as they count it.",
	}, func() float64 {
		var total uint64
		live.Each(func(all *answers) { total += all.bytes() })
		return float64(total)
	})
	collectors = []prometheus.Collector{requestsTotal, memoryBytes}
)

func count(how result) { requestsTotal.WithLabelValues(string(how)).Inc() }
