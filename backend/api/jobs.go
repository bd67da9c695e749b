package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/problem"
)

// Jobs is what the API asks of jobs. A bot, unless empty, is the only one whose jobs are seen.
type Jobs interface {
	Submit(ctx context.Context, r job.Request) (made *job.Job, created bool, err error)
	Get(ctx context.Context, id, bot string) (*job.Job, error)
	List(ctx context.Context, q job.Query) ([]*job.Job, error)
	// Changed returns up to limit jobs that changed since then, the latest first.
	Changed(ctx context.Context, since time.Time, limit int) ([]*job.Job, error)
	Cancel(ctx context.Context, id, bot string) (*job.Job, error)
	File(ctx context.Context, id, bot string) (job.File, iter.Seq2[[]byte, error], error)
}

// maxJobRequest bounds the body that asks for a job.
const maxJobRequest = 256 << 10

// jobView is a job as callers see it.
type jobView struct {
	*job.Job

	ResultPath string `json:"result_path,omitempty"`
}

type jobPageView struct {
	Jobs       []jobView `json:"jobs"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

func jobPath(j *job.Job) string { return "/v1/jobs/" + j.ID }

func viewJob(j *job.Job) jobView {
	v := jobView{Job: j}
	if j.Parts > 0 && j.Status == job.StatusDone {
		v.ResultPath = jobPath(j) + "/result"
	}
	return v
}

// submitJob answers POST /v1/jobs.
func (a *API) submitJob(w *response, r *http.Request, c caller) error {
	request, err := readJobRequest(w, r)
	if err != nil {
		return err
	}
	if request.Kind == job.EraseKind {
		return job.BadParameter("An erasure is asked for by DELETE /v1/users/{user}/data with the header Prefer: respond-async.")
	}
	return a.submit(w, r, c, request)
}

// submit submits a job for a caller and answers with it.
func (a *API) submit(w *response, r *http.Request, c caller, request job.Request) error {
	request.Bot, request.AskedBy = c.bot, c.user
	made, created, err := a.cfg.Jobs.Submit(r.Context(), request)
	if err != nil {
		return err
	}
	w.Header().Set("Location", jobPath(made))
	if !created {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	return w.send(http.StatusAccepted, viewJob(made))
}

// readJobRequest takes the member kind out of the body; the others are the parameters.
func readJobRequest(w *response, r *http.Request) (request job.Request, err error) {
	if err := (parameters{}).read(r); err != nil {
		return request, err
	}
	body, err := readBody(w, r, jsonType, maxJobRequest)
	if err != nil {
		return request, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || json.Unmarshal(members["kind"], &request.Kind) != nil {
		return request, problem.Malformed.WithDetail(`The body must be a JSON object with the member kind, like {"kind":"export"}.`)
	}
	delete(members, "kind")
	if request.Parameters, err = json.Marshal(members); err != nil {
		return request, fmt.Errorf("encoding the parameters of a job: %w", err)
	}
	request.Key, err = jobKey(r)
	return request, err
}

// jobKey reads the header by which clients mark repeats; empty for none.
func jobKey(r *http.Request) (key string, err error) {
	key, ok := idempotency.KeyIn(r.Header)
	if !ok {
		return "", problem.Malformed.WithDetail(idempotency.HeaderForm)
	}
	return key, nil
}

// oneJob answers GET and DELETE /v1/jobs/{id} with the job as it is, or after it was cancelled.
func oneJob(do func(ctx context.Context, id, bot string) (*job.Job, error)) endpoint {
	return func(w *response, r *http.Request, c caller) error {
		if err := (parameters{}).read(r); err != nil {
			return err
		}
		id := idIn(r)
		if !store.ValidID(id) {
			return unknownJob
		}
		found, err := do(r.Context(), id, c.bot)
		if err != nil {
			return err
		}
		return w.send(http.StatusOK, viewJob(found))
	}
}

// listJobs answers GET /v1/jobs, newest first.
func (a *API) listJobs(w *response, r *http.Request, c caller) error {
	q := job.Query{Bot: c.bot, Limit: defaultLimit}
	err := parameters{
		"status": oneOf(&q.Status, job.StatusQueued, job.StatusRunning, job.StatusDone, job.StatusFailed, job.StatusCancelled),
		"limit":  limit(&q.Limit, store.MaxLimit), "cursor": cursor(&q.After),
	}.read(r)
	if err != nil {
		return err
	}
	q.Limit++ // One more tells that there is a next page.
	jobs, err := a.cfg.Jobs.List(r.Context(), q)
	if err != nil {
		return err
	}
	page := jobPageView{Jobs: []jobView{}}
	if len(jobs) == q.Limit {
		jobs = jobs[:q.Limit-1]
		page.NextCursor = jobs[len(jobs)-1].Position().Cursor()
	}
	for _, j := range jobs {
		page.Jobs = append(page.Jobs, viewJob(j))
	}
	return w.send(http.StatusOK, page)
}
