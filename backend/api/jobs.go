package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/botgate/botgate/backend/document"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
)

// Jobs is what the API asks of jobs. A bot, unless empty, is the only one whose jobs are seen.
type Jobs interface {
	Submit(ctx context.Context, r job.Request) (made *job.Job, created bool, err error)
	Get(ctx context.Context, id, bot string) (*job.Job, error)
	List(ctx context.Context, q job.Query) ([]*job.Job, error)
	Cancel(ctx context.Context, id, bot string) (*job.Job, error)
	File(ctx context.Context, id, bot string) (job.File, iter.Seq2[[]byte, error], error)
}

const (
	// maxJobRequest bounds the body that asks for a job, and maxJobKey its Idempotency-Key.
	maxJobRequest = 256 << 10
	maxJobKey     = 256
	// maxJobList is the largest page of jobs.
	maxJobList = 200
	// partMargin is how long a part of a file may take on its way.
	partMargin = time.Minute
)

// jobView is a job as callers see it.
type jobView struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Parameters  json.RawMessage `json:"parameters"`
	Status      job.Status      `json:"status"`
	CancelAsked bool            `json:"cancel_asked,omitempty"`
	Done        int64           `json:"done"`
	Total       int64           `json:"total,omitempty"`
	Result      json.RawMessage `json:"result,omitempty"`
	ResultPath  string          `json:"result_path,omitempty"`
	Error       string          `json:"error,omitempty"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	FinishedAt  *time.Time      `json:"finished_at,omitempty"`
}

func jobPath(j *job.Job) string { return "/v1/jobs/" + j.ID }

func viewJob(j *job.Job) jobView {
	v := jobView{
		ID: j.ID, Kind: j.Kind, Parameters: j.Parameters, Status: j.Status, CancelAsked: j.CancelAsked, Done: j.Done, Total: j.Total,
		Result: j.Result, Error: j.Error, CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
	if j.Parts > 0 && j.Status == job.StatusDone {
		v.ResultPath = jobPath(j) + "/result"
	}
	if !j.FinishedAt.IsZero() {
		v.FinishedAt = &j.FinishedAt
	}
	return v
}

// jobRoutes answer /v1/jobs and what is below it.
func (a *api) jobPaths() []path {
	query := a.cfg.Timeout
	// The nil ones have handlers of their own, and are named for the header Allow.
	return []path{
		{"/v1/jobs", a.route("jobs", query, methods{http.MethodGet: a.listJobs, http.MethodPost: nil})},
		{"POST /v1/jobs", a.jobHandler("jobs", a.submitJob)},
		{"/v1/jobs/{id}", a.route("job", query, methods{http.MethodGet: a.getJob, http.MethodDelete: a.cancelJob})},
		{"/v1/jobs/{id}/result", a.route("job_result", query, methods{http.MethodHead: nil, http.MethodGet: nil})},
		{"GET /v1/jobs/{id}/result", a.jobHandler("job_result", a.jobFile)},
	}
}

// jobHandler answers by something that writes its success itself.
func (a *api) jobHandler(name string, answer func(http.ResponseWriter, *http.Request, caller) (int, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		code, err := 0, error(nil)
		if a.origins.Check(r) != nil {
			err = crossOrigin
		}
		var c caller
		if err == nil {
			c, err = callerOf(r.Header)
		}
		if err == nil {
			code, err = answer(w, r, c)
		}
		if err != nil {
			code = a.problem(r, err).write(w)
		}
		a.metrics.observe(name, code, time.Since(started))
	})
}

// submitJob answers POST /v1/jobs.
func (a *api) submitJob(w http.ResponseWriter, r *http.Request, c caller) (int, error) {
	ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Timeout)
	defer cancel()
	request, err := readJobRequest(w, r)
	if err != nil {
		return 0, err
	}
	request.Bot = c.bot
	made, created, err := a.cfg.Jobs.Submit(ctx, request)
	if err != nil {
		return 0, err
	}
	p, err := encode(viewJob(made))
	if err != nil {
		return 0, err
	}
	h := w.Header()
	h.Set("Location", jobPath(made))
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if !created {
		h.Set("Idempotency-Replayed", "true")
	}
	w.WriteHeader(http.StatusAccepted)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(p.body)
	return http.StatusAccepted, nil
}

// readJobRequest takes the member kind out of the body; the others are the parameters.
func readJobRequest(w http.ResponseWriter, r *http.Request) (request job.Request, err error) {
	if r.URL.RawQuery != "" {
		return request, malformed.because("There are no parameters here.")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != documentType {
		return request, unsupportedType.because("Send " + documentType + ".")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJobRequest))
	if tooMuch := (*http.MaxBytesError)(nil); errors.As(err, &tooMuch) {
		return request, tooLarge.because(fmt.Sprintf("A job may be asked for with %d bytes.", maxJobRequest))
	}
	if err != nil {
		return request, malformed.because("The body could not be read.")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || json.Unmarshal(members["kind"], &request.Kind) != nil {
		return request, malformed.because(`The body must be a JSON object with the member kind, like {"kind":"export"}.`)
	}
	delete(members, "kind")
	if request.Parameters, err = json.Marshal(members); err != nil {
		return request, fmt.Errorf("encoding the parameters of a job: %w", err)
	}
	if keys := r.Header.Values("Idempotency-Key"); len(keys) > 0 {
		if request.Key = keys[0]; len(keys) > 1 || request.Key == "" || len(request.Key) > maxJobKey {
			return request, malformed.because(fmt.Sprintf("The header Idempotency-Key may be given once, with 1 to %d bytes.", maxJobKey))
		}
	}
	return request, nil
}

// getJob answers GET /v1/jobs/{id}.
func (a *api) getJob(r *http.Request, c caller) (*reply, error) {
	return a.oneJob(r, c, a.cfg.Jobs.Get)
}

// cancelJob answers DELETE /v1/jobs/{id}.
func (a *api) cancelJob(r *http.Request, c caller) (*reply, error) {
	return a.oneJob(r, c, a.cfg.Jobs.Cancel)
}

func (a *api) oneJob(r *http.Request, c caller, do func(ctx context.Context, id, bot string) (*job.Job, error)) (*reply, error) {
	id := r.PathValue("id")
	switch {
	case r.URL.RawQuery != "":
		return nil, malformed.because("There are no parameters here.")
	case !store.ValidID(id):
		return nil, job.ErrNotFound
	}
	found, err := do(r.Context(), id, c.bot)
	if err != nil {
		return nil, err
	}
	return encode(viewJob(found))
}

// listJobs answers GET /v1/jobs, newest first.
func (a *api) listJobs(r *http.Request, c caller) (*reply, error) {
	q := job.Query{Bot: c.bot, Limit: defaultLimit}
	err := parameters(r.URL.RawQuery, func(name, value string) error { return setJobQuery(&q, name, value) })
	if err != nil {
		return nil, err
	}
	q.Limit++ // One more tells that there is a next page.
	jobs, err := a.cfg.Jobs.List(r.Context(), q)
	if err != nil {
		return nil, err
	}
	var page struct {
		Jobs       []jobView `json:"jobs"`
		NextCursor string    `json:"next_cursor,omitempty"`
	}
	page.Jobs = []jobView{}
	for i, j := range jobs {
		if i == q.Limit-1 {
			last := jobs[i-1]
			page.NextCursor = store.Position{Time: last.CreatedAt, ID: last.ID}.Cursor()
			break
		}
		page.Jobs = append(page.Jobs, viewJob(j))
	}
	return encode(page)
}

func setJobQuery(q *job.Query, name, value string) error {
	switch name {
	case "status":
		if q.Status = job.Status(value); value != "" && !q.Status.Valid() {
			return malformed.because("The parameter status must be queued, running, done, failed or cancelled.")
		}
		return nil
	case "limit":
		limit, err := strconv.Atoi(value)
		if value != "" && (err != nil || limit < 1 || limit > maxJobList) {
			return malformed.because(fmt.Sprintf("The parameter limit must be a number from 1 to %d.", maxJobList))
		}
		if value != "" {
			q.Limit = limit
		}
		return nil
	case "cursor":
		at, ok := store.ParseCursor(value)
		if value != "" && !ok {
			return malformed.because("The parameter cursor must be the next_cursor of an earlier answer.")
		}
		q.After = job.Position{CreatedAt: at.Time, ID: at.ID}
		return nil
	}
	return unknownParameter("status, limit and cursor")
}

// jobProblem chooses the answer to what is wrong with a request about a job; nil for other
// errors.
func (a *api) jobProblem(err error) *problem {
	bad := (*job.ParameterError)(nil)
	switch {
	case errors.As(err, &bad):
		return unfitJob.because(bad.Detail)
	case errors.Is(err, job.ErrForbidden):
		return otherBot.because("Such a job is for those who may see all bots.")
	case errors.Is(err, job.ErrNotFound):
		return unknownJob
	case errors.Is(err, job.ErrFinished):
		return jobOver
	case errors.Is(err, job.ErrKeyReused):
		return keyReused
	case errors.Is(err, job.ErrNoFile):
		return noResult
	case errors.Is(err, job.ErrUnavailable):
		a.cfg.Logger.Debug("jobs are away", "error", err) // The health check warns, once.
		return unavailable
	}
	return nil
}

// AppendEvent appends the JSON object that shows an event, as GET /v1/events/{id} does, in one
// line: between the tokens of a body that is JSON, a line break becomes a space. In its
// strings there is none. Exports are made of them.
func AppendEvent(out []byte, r *store.Record) ([]byte, error) {
	object, err := appendEvent(nil, r, detailed, nil)
	if err != nil {
		return nil, err
	}
	line := document.WithBody(object, r.Event)
	for i, c := range line {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	return append(out, line...), nil
}
