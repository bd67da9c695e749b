package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/problem"
)

const (
	// maxPoints bounds a chart.
	maxPoints = 300
	// p50 and p95 are the quantiles that are shown.
	p50, p95 = 0.5, 0.95
)

// chartSteps are the lengths that the points of a chart may have by default.
var chartSteps = []time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour,
}

// chartView is what happened at all bots or at one, in steps.
type chartView struct {
	Bot         string    `json:"bot,omitempty"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	StepSeconds int64     `json:"step_seconds"`
	// EdgesMS are the longest durations of all buckets but the last.
	EdgesMS []int64      `json:"edges_ms"`
	Points  []pointView  `json:"points"`
	Total   activityView `json:"total"`
}

type pointView struct {
	At time.Time `json:"at"`
	activityView
}

// activityView is what happened within some time.
type activityView struct {
	countsView
	DurationMS int64         `json:"duration_ms"`
	Attempts   durationsView `json:"attempts"`
	Deliveries durationsView `json:"deliveries"`
}

// durationsView are durations by how long they were; nothing is known of the quantiles of none.
type durationsView struct {
	Buckets store.Buckets `json:"buckets"`
	P50MS   *float64      `json:"p50_ms"`
	P95MS   *float64      `json:"p95_ms"`
}

func viewActivity(a *store.Activity) activityView {
	return activityView{countsView(a.Counts), a.Duration.Milliseconds(), viewDurations(a.Took), viewDurations(a.Waited)}
}

func viewDurations(b store.Buckets) durationsView {
	quantile := func(q float64) *float64 {
		d, known := b.Quantile(q)
		if !known {
			return nil
		}
		return new(float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond))
	}
	return durationsView{b, quantile(p50), quantile(p95)}
}

// allStats answers GET /v1/stats.
func (a *API) allStats(w *response, r *http.Request, c caller) error {
	var q store.StatsQuery
	p := parameters{"bot": text(&q.Bot), "step": span(&q.Step, maxRange)}
	if err := readRange(&q, r, p, time.Now()); err != nil {
		return err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return err
	}
	if err := setStep(&q); err != nil {
		return err
	}
	steps, err := a.cfg.Reader.Stats(r.Context(), q)
	if err != nil {
		return fmt.Errorf("reading statistics: %w", err)
	}
	view := chartView{Bot: q.Bot, From: q.From, To: q.To, StepSeconds: int64(q.Step.Seconds()), Points: make([]pointView, len(steps))}
	for _, edge := range store.BucketEdges() {
		view.EdgesMS = append(view.EdgesMS, edge.Milliseconds())
	}
	var total store.Activity
	for i, s := range steps {
		view.Points[i] = pointView{store.Micros(s.Minute), viewActivity(&s.Activity)}
		total.Add(s.Activity, 1)
	}
	view.Total = viewActivity(&total)
	return w.sendKeptJSON(r, view)
}

// setStep chooses the shortest step that gives a chart, unless one is asked for.
func setStep(q *store.StatsQuery) error {
	// The range begins and ends within a step.
	points := func(step time.Duration) time.Duration { return q.To.Sub(q.From)/step + 1 }
	if q.Step == 0 {
		for _, q.Step = range chartSteps {
			if points(q.Step) <= maxPoints {
				return nil
			}
		}
	}
	if q.Step%time.Minute != 0 || points(q.Step) > maxPoints {
		return problem.Malformed.WithDetail("The parameter step must be in whole minutes, such as 5m, and give at most %d points.", maxPoints)
	}
	return nil
}
