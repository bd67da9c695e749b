package app

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
)

// queueMetrics exports how many events the queue has, and what is worked on. It asks the queue at each
// scrape; while that is unavailable the metrics are absent, and the health check says why.
type queueMetrics struct {
	activity                       *metric.Ask[queue.Activity]
	depths                         *metric.Ask[map[queue.Group]int64]
	bots                           func() []string
	depth, inFlight, oldest, owned *prometheus.Desc
}

func newQueueMetrics(q queue.Queue, bots func() []string) *queueMetrics {
	return &queueMetrics{
		activity: metric.NewAsk(q.Activity), depths: metric.NewAsk(q.Depths), bots: bots,
		depth: prometheus.NewDesc("botgate_queue_depth",
			"Events ready or in flight, by group: record, dispatch, dead for the dead letters, parked for what waits for a "+
				"shard that is down, or unrouted for what no queue took. Dispatch is by bot, those not in the bots file as (other).",
			[]string{"group", "bot"}, nil),
		inFlight: prometheus.NewDesc("botgate_queue_in_flight",
			"Events of a bot that a dispatch process holds and did not settle yet; on RabbitMQ those of this process.",
			[]string{"bot"}, nil),
		oldest: prometheus.NewDesc("botgate_queue_oldest_seconds",
			"Age of the oldest event that waits or is worked on, by group: record, or dispatch by bot; on RabbitMQ known to "+
				"the process that works on the queue.",
			[]string{"group", "bot"}, nil),
		owned: prometheus.NewDesc("botgate_queue_owned",
			"Queues of bots on RabbitMQ that this process works on.", nil, nil),
	}
}

// Describe implements [prometheus.Collector].
func (m *queueMetrics) Describe(descs chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.depth, m.inFlight, m.oldest, m.owned} {
		descs <- desc
	}
}

// Collect implements [prometheus.Collector].
func (m *queueMetrics) Collect(metrics chan<- prometheus.Metric) {
	if activity, err := m.activity.Answer(); err == nil {
		m.showActivity(metrics, activity)
	}
	waiting, err := m.depths.Answer()
	if err != nil {
		return
	}
	show := func(group queue.Group, bot string, n int64) {
		metrics <- gauge(m.depth, float64(n), string(group), bot)
	}
	for group, n := range waiting {
		switch {
		case group != queue.Dispatch && !strings.HasPrefix(string(group), string(queue.OfBot(""))):
			show(group, "", n)
		case group != queue.Dispatch:
		default:
			for _, bot := range m.bots() {
				if of, known := waiting[queue.OfBot(bot)]; known {
					show(group, bot, of)
					n -= of
				}
			}
			show(group, metric.OtherBots, n)
		}
	}
}

func (m *queueMetrics) showActivity(metrics chan<- prometheus.Metric, activity queue.Activity) {
	if activity.Owned >= 0 {
		metrics <- gauge(m.owned, float64(activity.Owned))
	}
	for _, bot := range m.bots() {
		of := activity.Bots[bot]
		metrics <- gauge(m.inFlight, float64(of.InFlight), bot)
		metrics <- gauge(m.oldest, age(of.Oldest), string(queue.Dispatch), bot)
	}
	for group, at := range activity.Oldest {
		metrics <- gauge(m.oldest, age(at), string(group), "")
	}
}

// age is how long ago a time was, in seconds, and 0 for none.
func age(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, time.Since(at).Seconds())
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
