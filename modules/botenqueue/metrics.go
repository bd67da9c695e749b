package botenqueue

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/payload"
)

// The outcomes other than refusals, whose outcome is the last part of their type.
const (
	outcomeAccepted = "accepted"
	outcomeRepeated = "repeated"
)

// What became of the waits for answers of bots.
const (
	answerGiven  = "answered"
	answerNone   = "unanswered"
	answerFailed = "failed"
)

// What became of platforms' requests that were to wait for answers of bots.
const (
	waitAnswered = "answered"
	waitLate     = "late"
	waitNone     = "none"
	waitLeft     = "left"
	waitFull     = "full"
)

var (
	requestsTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "enqueue", Name: "requests_total",
		Help: "Requests by what became of them: accepted, repeated, or the reason of the refusal.",
	}, []string{"outcome"}), append(problem.Slugs(refusals...), outcomeAccepted, outcomeRepeated))
	refusals = append(payload.Problems(), errUnavailable, notVerified, problem.MethodNotAllowed(http.MethodPost),
		botclaim.OtherBot, problem.UnknownBot, errInFlight, errMismatch)
	// acceptedTotal is looked up once.
	acceptedTotal = requestsTotal.WithLabelValues(outcomeAccepted)
	repeatsTotal  = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "enqueue", Name: "repeats_total",
		Help: "Events that a platform sent again and that were not published again, by platform.",
	}, []string{"platform"}), platform.Names())
	answersTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "enqueue", Name: "answers_total",
		Help: "API clients that waited for a bot's answer, by what came of it: answered; unanswered, because there was none in time or none is kept; failed, because it could not be asked for.",
	}, []string{"outcome"}), []string{answerGiven, answerNone, answerFailed})
	waitsTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "enqueue", Name: "waits_total",
		Help: "Platforms' requests that waited for a bot's answer, by what came of it: answered with it; late; none, because the bot said nothing or can't be asked now; left, because the platform went away; full, because too many wait.",
	}, []string{"outcome"}), []string{waitAnswered, waitLate, waitNone, waitLeft, waitFull})
	publishSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: metric.Namespace, Subsystem: "enqueue", Name: "accept_seconds",
		Help:    "Time from the request's arrival at bot_enqueue to the queue's confirmation.",
		Buckets: []float64{.0005, .001, .002, .004, .008, .016, .032, .064, .128, .2, .5, 1, 3, 5},
	})
	degradedState = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: metric.Namespace, Subsystem: "idempotency", Name: "degraded",
		Help: "1 while Redis does not answer in time and each gateway knows only its own repeats.",
	})
	collectors = []prometheus.Collector{requestsTotal, repeatsTotal, answersTotal, waitsTotal, publishSeconds, degradedState}
)

// observe counts what was accepted; refused counts the rest.
func observe(ctx context.Context, done outcome, took time.Duration) {
	if done.repeat {
		requestsTotal.WithLabelValues(outcomeRepeated).Inc()
		return
	}
	acceptedTotal.Inc()
	metric.Observe(publishSeconds, took.Seconds(), trace.SpanContextFromContext(ctx))
}
