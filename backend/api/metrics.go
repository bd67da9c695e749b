package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/metric"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	held     *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "botgate_api_requests_total",
			Help: "Requests to the API by route and status code.",
		}, []string{"route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "botgate_api_request_duration_seconds",
			Help:    "Time until a request to the API is answered, by route; of files and streams, until they begin.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 3, 5, 10, 30},
		}, []string{"route"}),
		held: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "botgate_api_held_requests",
			Help: "Requests that are being held open, by route: wait, stream or receive.",
		}, []string{"route"}),
	}
	return m, metric.Register(reg, "the API", m.requests, m.duration, m.held)
}

// observe counts a request. The labels come from fixed sets: the codes are those of
// the API's own answers.
func (m *metrics) observe(route string, code int, took time.Duration, span trace.SpanContext) {
	m.requests.WithLabelValues(route, strconv.Itoa(code)).Inc()
	metric.Observe(m.duration.WithLabelValues(route), took.Seconds(), span)
}

// hold counts a request as held open until it is released.
func (m *metrics) hold(route string) (release func()) {
	held := m.held.WithLabelValues(route)
	held.Inc()
	return held.Dec
}
