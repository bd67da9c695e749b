package api

import (
	"context"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/report"
)

// Refusals is what the API asks of who keeps what gateways refused.
type Refusals interface {
	Sum(ctx context.Context, q refusal.Query) (*refusal.Result, error)
	// Minutes returns up to limit minutes from a time on, the latest first.
	Minutes(ctx context.Context, from time.Time, limit int) ([]refusal.Minute, error)
	// Limits are those of the gateways that reported lately.
	Limits(ctx context.Context) ([]refusal.Limits, error)
	// Processes are those that reported lately.
	Processes(ctx context.Context) ([]refusal.Process, error)
	// Erase removes what is known of a user.
	Erase(ctx context.Context, user string) error
}

// refusalsView is what was refused, by kind and in steps, with some of the requests.
type refusalsView struct {
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	StepSeconds int64     `json:"step_seconds"`
	Total       int64     `json:"total"`
	// Lumped are those whose platform and bot are not known, because a flood had too many.
	Lumped   int64              `json:"lumped"`
	Refusals []refusalGroupView `json:"refusals"`
	// Others are in no group, since there are too many.
	Others     int64               `json:"others"`
	Points     []refusalPointView  `json:"points"`
	Samples    []refusalSampleView `json:"samples"`
	SearchedTo *time.Time          `json:"searched_to,omitempty"`
}

type refusalGroupView struct {
	report.Count

	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

type refusalPointView struct {
	At    time.Time `json:"at"`
	Count int64     `json:"count"`
}

type refusalSampleView struct {
	report.Sample

	Gateway string `json:"gateway"`
}

// listRefusals answers GET /v1/refusals.
func (a *API) listRefusals(w *response, r *http.Request, c caller) error {
	q, err := readRefusals(r, c)
	if err != nil {
		return err
	}
	found, err := a.cfg.Refusals.Sum(r.Context(), q)
	if err != nil {
		return err
	}
	return w.sendKeptJSON(r, viewRefusals(q, found))
}

func readRefusals(r *http.Request, c caller) (q refusal.Query, err error) {
	q.Samples = defaultLimit
	var chart store.StatsQuery
	p := parameters{
		"handler": text(&q.Handler), "reason": text(&q.Reason), "platform": text(&q.Platform), "bot": text(&q.Bot),
		"step": span(&chart.Step, maxRange), "limit": limit(&q.Samples, store.MaxLimit),
	}
	if err := readRange(&chart, r, p, time.Now()); err != nil {
		return q, err
	}
	if err := c.restrict(&q.Bot); err != nil {
		return q, err
	}
	err = setStep(&chart)
	q.From, q.To, q.Step = chart.From, chart.To, chart.Step
	return q, err
}

func viewRefusals(q refusal.Query, found *refusal.Result) refusalsView {
	v := refusalsView{
		From: q.From, To: q.To, StepSeconds: int64(q.Step.Seconds()), Total: found.Total, Lumped: found.Lumped, Others: found.Others,
		Refusals: make([]refusalGroupView, len(found.Groups)), Points: make([]refusalPointView, len(found.Points)),
		Samples: make([]refusalSampleView, len(found.Samples)),
	}
	for i, g := range found.Groups {
		v.Refusals[i] = refusalGroupView{g.Count, g.First, g.Last}
	}
	for i, p := range found.Points {
		v.Points[i] = refusalPointView(p)
	}
	for i, s := range found.Samples {
		v.Samples[i] = refusalSampleView(s)
	}
	if !found.SearchedTo.IsZero() {
		v.SearchedTo = &found.SearchedTo
	}
	return v
}
