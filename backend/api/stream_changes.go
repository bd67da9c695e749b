package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/report"
)

// watches are about what changes and is no event.
type watches struct {
	jobs     watch[*job.Job]
	refusals watch[refusal.Minute]
}

// reportView is what gateways refused of one kind in a minute, and how much of it is new.
type reportView struct {
	report.Count

	Minute time.Time `json:"minute"`
	New    int64     `json:"new"`
}

func newWatches(cfg Config) *watches {
	return &watches{
		jobs: watch[*job.Job]{
			event: "job", timeout: cfg.Timeout,
			read: func(ctx context.Context, since time.Time) ([]*job.Job, error) {
				return cfg.Jobs.Changed(ctx, since, maxWatched)
			},
			key: func(j *job.Job) any { return j.ID },
			// The rest of a row is about its lease.
			same: func(now, before *job.Job) bool {
				return now.Status == before.Status && now.CancelAsked == before.CancelAsked && now.Done == before.Done && now.Total == before.Total
			},
			view: func(now, _ *job.Job) any { return viewJob(now) },
		},
		refusals: watch[refusal.Minute]{
			event: "report", timeout: cfg.Timeout,
			read: func(ctx context.Context, since time.Time) ([]refusal.Minute, error) {
				return cfg.Refusals.Minutes(ctx, since, maxWatched)
			},
			key: func(m refusal.Minute) any {
				m.Count.Count, m.Lumped = 0, 0
				return m
			},
			same: func(now, before refusal.Minute) bool { return now.Count == before.Count },
			view: func(now, before refusal.Minute) any {
				return reportView{now.Count, now.At, now.Count.Count - before.Count.Count}
			},
		},
	}
}

// streamJobs answers GET /v1/jobs/stream.
func (a *API) streamJobs(w *response, r *http.Request, c caller) error {
	var id string
	if err := (parameters{"id": text(&id)}).read(r); err != nil {
		return err
	}
	if id != "" && !store.ValidID(id) {
		return unknownJob
	}
	if id != "" {
		if _, err := a.cfg.Jobs.Get(r.Context(), id, c.bot); err != nil {
			return err
		}
	}
	return streamChanges(a, w, r, &a.watches.jobs, func(j *job.Job) bool {
		return (id == "" || j.ID == id) && (c.bot == "" || j.Bot == c.bot)
	})
}

// streamRefusals answers GET /v1/refusals/stream.
func (a *API) streamRefusals(w *response, r *http.Request, c caller) error {
	var these report.Refusal
	err := parameters{
		"handler": text(&these.Handler), "reason": text(&these.Reason), "platform": text(&these.Platform), "bot": text(&these.Bot),
	}.read(r)
	if err == nil {
		err = c.restrict(&these.Bot)
	}
	if err != nil {
		return err
	}
	return streamChanges(a, w, r, &a.watches.refusals, func(m refusal.Minute) bool { return these.Covers(m.Refusal) })
}

// streamChanges sends a client what a watch finds from now on and the client wants.
func streamChanges[T any](a *API, w *response, r *http.Request, from *watch[T], wanted func(T) bool) error {
	return a.holdStream(w, r, func(ctx context.Context) error {
		found, err := from.look(ctx)
		if err != nil {
			return fmt.Errorf("looking for a first time: %w", err)
		}
		s := watching[T]{watch: from, wanted: wanted, out: newEventWriter(w)}
		return s.run(ctx, found)
	})
}
