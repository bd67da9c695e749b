package dispatch

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	*byBot
	failures *prometheus.CounterVec
	duration prometheus.Histogram
	inFlight prometheus.Gauge
	waiting  prometheus.Gauge
	total    prometheus.Gauge
	botOpen  *prometheus.GaugeVec
	paused   *prometheus.GaugeVec

	postponed, unknown prometheus.Counter
	leases, answers    *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, held, pulls prometheus.Collector) (*metrics, error) {
	m := &metrics{
		byBot: newByBot(),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_dispatch_failures_total",
			Help: "Attempts and probes that failed, by cause: the class of the status, or why there was none.",
		}, []string{"cause"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "botgate_dispatch_attempt_duration_seconds",
			Help:    "Time from the start of a request to a bot to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "botgate_dispatch_in_flight",
			Help: "Requests to bots under way.",
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "botgate_dispatch_waiting",
			Help: "Deliveries that wait for a request to their bot, since others are under way or the bot is down.",
		}),
		total: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "botgate_dispatch_concurrency",
			Help: "Requests to bots that may run at once; beyond that each bot may have one.",
		}),
		botOpen: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "botgate_dispatch_bot_open",
			Help: "1 from when the bot is found down until it is fully back.",
		}, []string{"bot"}),
	}
	m.paused = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "botgate_dispatch_paused",
		Help: "1 while a bot is paused, as somebody asked for: what is for it waits.",
	}, []string{"bot"})
	m.postponed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_dispatch_postponed_total",
		Help: "Deliveries held back because their user is over a rate limit that defers.",
	})
	m.unknown = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_dispatch_unknown_bot_total",
		Help: "Deliveries held back because their bot is not in the bots file.",
	})
	m.leases = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "botgate_pull_leases_total",
		Help: "Leases of bots that pull that ended, by how: ack, retry or dead as the poller said, silence, or release of what no poller got.",
	}, []string{"outcome"})
	m.answers = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "botgate_dispatch_answers_total",
		Help: "Answers of bots that a platform waited for, by what became of them: in_time; sent later, or unsent; missed, since too late for that, too; unfit, since too large, compressed or not what can be sent later.",
	}, []string{"outcome"}), metric.Values(event.AnsweredInTime, event.AnsweredSent, event.AnsweredUnsent, event.AnsweredMissed, event.AnsweredUnfit))
	metric.Start(m.leases, metric.Values(pull.Ack, pull.Retry, pull.Dead, pull.Silence, pull.Release))
	metric.Start(m.failures, metric.Values(causes()...))
	return m, metric.Register(reg, "dispatch",
		m.attempts, m.delay, m.failures, m.duration, m.inFlight, m.waiting, m.total, m.botOpen, m.paused, m.postponed, m.unknown, m.leases, m.answers, held, pulls)
}

// showPaused says whether a bot is paused.
func (m *metrics) showPaused(bot bots.Bot) {
	value := 0.0
	if bot.Paused {
		value = 1
	}
	m.paused.WithLabelValues(bot.Name).Set(value)
}
