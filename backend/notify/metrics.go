package notify

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	published, failed          prometheus.Counter
	slow, resubscribed, remote prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	published := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "botgate_notices_published_total",
		Help: "Notices for the other processes by outcome: sent, or failed, after which the others learn later that they missed something.",
	}, []string{"outcome"})
	lost := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "botgate_notices_lost_total",
		Help: "Times that subscribers may have missed notices, by cause: slow, subscribed (Redis was unavailable, or this is the start), publisher (another process could not publish).",
	}, []string{"cause"})
	m := &metrics{
		published:    published.WithLabelValues("sent"),
		failed:       published.WithLabelValues("failed"),
		slow:         lost.WithLabelValues("slow"),
		resubscribed: lost.WithLabelValues("subscribed"),
		remote:       lost.WithLabelValues("publisher"),
	}
	return m, metric.Register(reg, "notify", published, lost)
}
