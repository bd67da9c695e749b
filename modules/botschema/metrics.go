package botschema

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/payload"
)

var (
	requestsTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "schema", Name: "requests_total",
		Help: "Requests by what became of them: passed, unchecked, or the reason of the refusal; with mode report only what is too large is refused.",
	}, []string{"outcome", "mode"}),
		append(problem.Slugs(append(payload.Problems(), violated, unknownSchema)...), outcomePassed, outcomeUnchecked),
		[]string{modeEnforce, modeReport})
	// passedTotal is looked up once.
	passedTotal = requestsTotal.WithLabelValues(outcomePassed, modeEnforce)
	collectors  = []prometheus.Collector{requestsTotal}
)

// The outcomes other than refusals, whose outcome is the last part of their type.
const (
	outcomePassed    = "passed"
	outcomeUnchecked = "unchecked"
)

// The modes.
const (
	modeEnforce = "enforce"
	modeReport  = "report"
)

func (h *Handler) count(outcome string) { h.counter(outcome).Inc() }

func (h *Handler) counter(outcome string) prometheus.Counter {
	if outcome == outcomePassed && !h.ReportOnly {
		return passedTotal
	}
	mode := modeEnforce
	if h.ReportOnly {
		mode = modeReport
	}
	return requestsTotal.WithLabelValues(outcome, mode)
}
