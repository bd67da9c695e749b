package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/event"
)

// lettersKind makes a file of three parts. With the parameter "gone" its last part is missing.
type lettersKind struct{}

func (lettersKind) Prepare(parameters []byte, bot string) ([]byte, error) {
	var p struct {
		Last string `json:"last"`
		All  bool   `json:"all"`
	}
	switch {
	case json.Unmarshal(parameters, &p) != nil:
		return nil, job.BadParameter("Say which is the last.")
	case p.All && bot != "":
		return nil, job.ErrForbidden
	}
	return json.Marshal(p)
}

func (lettersKind) Run(ctx context.Context, r *job.Run) (any, error) {
	var p struct{ Last string }
	j := r.Job()
	if err := j.Decode(&p, nil); err != nil {
		return nil, err
	}
	if p.Last == "none" {
		return nil, job.Failed("There are none.")
	}
	err := r.Save(ctx, job.Progress{Done: 3, Total: 3}, job.Part{Ref: "a\n"}, job.Part{Ref: "b\n"}, job.Part{Ref: p.Last})
	return map[string]int{"letters": 3}, err
}

func (lettersKind) File(*job.Job) job.File {
	return job.File{Name: "letters.txt", ContentType: "text/plain", Encoding: "gzip"}
}

func (lettersKind) ReadPart(_ context.Context, p job.Part) ([]byte, error) {
	if p.Ref == "gone" {
		return nil, job.ErrNoFile
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write([]byte(p.Ref))
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// jobServer works on jobs, too.
func jobServer(t *testing.T) http.Handler {
	t.Helper()
	engine := jobtest.Engine(t)
	jobs, err := job.New(job.Config{Engine: engine, Kinds: map[string]job.Kind{"letters": lettersKind{}}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- jobs.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return handler(t, Config{Jobs: jobs})
}

func post(t *testing.T, h http.Handler, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return send(t, h, http.MethodPost, "/v1/jobs", body, append([]string{"Content-Type: application/json"}, headers...)...)
}

func jobOf(t *testing.T, w *httptest.ResponseRecorder) (v jobView) {
	t.Helper()
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v), w.Body.String())
	return v
}

// awaitJob waits until a job is over.
func awaitJob(t *testing.T, h http.Handler, path string) (v jobView) {
	t.Helper()
	require.Eventually(t, func() bool {
		w := ask(t, h, http.MethodGet, path)
		require.Equal(t, http.StatusOK, w.Code)
		v = jobOf(t, w)
		return v.Status.Final()
	}, time.Minute, 10*time.Millisecond)
	return v
}

func TestJob(t *testing.T) {
	t.Parallel()
	h := jobServer(t)
	w := post(t, h, `{"kind":"letters","last":"c\n"}`)
	require.Equal(t, http.StatusAccepted, w.Code, w.Body.String())
	path := w.Header().Get("Location")
	require.Equal(t, "/v1/jobs/"+jobOf(t, w).ID, path)
	done := awaitJob(t, h, path)
	require.Equal(t, job.StatusDone, done.Status)
	require.JSONEq(t, `{"letters":3}`, string(done.Result))
	require.JSONEq(t, `{"last":"c\n","all":false}`, string(done.Parameters))
	require.Equal(t, int64(3), done.Done)
	require.NotNil(t, done.FinishedAt)
	require.Equal(t, path+"/result", done.ResultPath)

	file := ask(t, h, http.MethodGet, done.ResultPath)
	require.Equal(t, "a\nb\nc\n", file.Body.String())
	require.Equal(t, "text/plain", file.Header().Get("Content-Type"))
	require.Contains(t, file.Header().Get("Content-Disposition"), "letters.txt")
	require.Empty(t, file.Header().Get("Content-Encoding"))
	packed := send(t, h, http.MethodGet, done.ResultPath, "", "Accept-Encoding: br, gzip")
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	plain, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	plain.Multistream(false) // as curl and browsers read it
	all, err := io.ReadAll(plain)
	require.NoError(t, err)
	require.Equal(t, "a\nb\nc\n", string(all))
	require.Empty(t, send(t, h, http.MethodGet, done.ResultPath, "", "Accept-Encoding: gzip;q=0").Header().Get("Content-Encoding"))
	requireProblem(t, ask(t, h, http.MethodDelete, path), http.StatusConflict, "job-over")
}

func TestJobFileBreaksOff(t *testing.T) {
	t.Parallel()
	h := jobServer(t)
	done := awaitJob(t, h, post(t, h, `{"kind":"letters","last":"gone"}`).Header().Get("Location"))
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+done.ResultPath, nil)
	require.NoError(t, err)
	answer, err := server.Client().Do(r)
	if err == nil {
		defer answer.Body.Close()
		_, err = io.ReadAll(answer.Body)
	}
	require.Error(t, err, "half of a file is no file")
}

func TestJobFailed(t *testing.T) {
	t.Parallel()
	h := jobServer(t)
	failed := awaitJob(t, h, post(t, h, `{"kind":"letters","last":"none"}`).Header().Get("Location"))
	require.Equal(t, job.StatusFailed, failed.Status)
	require.Equal(t, "There are none.", failed.Error)
	requireProblem(t, ask(t, h, http.MethodGet, "/v1/jobs/"+failed.ID+"/result"), http.StatusNotFound, "no-result")
}

func TestJobRefused(t *testing.T) {
	t.Parallel()
	h := jobServer(t)
	for body, slug := range map[string]string{
		"": "malformed", "[]": "malformed", "{": "malformed", `{"last":"c"}`: "malformed", `{"kind":1}`: "malformed",
		`{"kind":"other"}`: "unfit-job", `{"kind":"letters","last":1}`: "unfit-job",
	} {
		w := post(t, h, body)
		requireProblem(t, w, w.Code, slug)
	}
	requireProblem(t, post(t, h, `{"kind":"`+strings.Repeat("x", maxJobRequest)+`"}`), http.StatusRequestEntityTooLarge, "too-large")
	requireProblem(t, post(t, h, `{"kind":"letters"}`, "Content-Type: text/plain"), http.StatusUnsupportedMediaType, "unsupported-type")
	requireProblem(t, post(t, h, `{"kind":"letters"}`, "Idempotency-Key: "+strings.Repeat("k", 257)), http.StatusBadRequest, "malformed")
	requireProblem(t, post(t, h, `{"kind":"letters"}`, "Sec-Fetch-Site: cross-site"), http.StatusForbidden, "cross-origin")
	requireProblem(t, ask(t, h, http.MethodGet, "/v1/jobs/none"), http.StatusNotFound, "unknown-job")
	requireProblem(t, ask(t, h, http.MethodDelete, "/v1/jobs/none"), http.StatusNotFound, "unknown-job")
	requireProblem(t, ask(t, h, http.MethodGet, "/v1/jobs/none/result"), http.StatusNotFound, "unknown-job")
	requireProblem(t, ask(t, h, http.MethodGet, "/v1/jobs?status=lost"), http.StatusBadRequest, "malformed")
	requireProblem(t, ask(t, h, http.MethodGet, "/v1/jobs?cursor=x"), http.StatusBadRequest, "malformed")
	put := ask(t, h, http.MethodPut, "/v1/jobs")
	requireProblem(t, put, http.StatusMethodNotAllowed, "method-not-allowed")
	require.Equal(t, "GET, HEAD, POST", put.Header().Get("Allow"))
	put = ask(t, h, http.MethodPut, "/v1/jobs/x/result")
	requireProblem(t, put, http.StatusMethodNotAllowed, "method-not-allowed")
	require.Equal(t, "GET, HEAD", put.Header().Get("Allow"))
	requireProblem(t, ask(t, handler(t, Config{}), http.MethodGet, "/v1/jobs"), http.StatusNotFound, "not-found")
}

func TestJobKey(t *testing.T) {
	t.Parallel()
	h := jobServer(t)
	first := post(t, h, `{"kind":"letters","last":"c"}`, "Idempotency-Key: k")
	again := post(t, h, `{"last":"c", "kind":"letters"}`, "Idempotency-Key: k")
	require.Equal(t, http.StatusAccepted, again.Code)
	require.Equal(t, first.Header().Get("Location"), again.Header().Get("Location"))
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	requireProblem(t, post(t, h, `{"kind":"letters","last":"d"}`, "Idempotency-Key: k"), http.StatusUnprocessableEntity, "idempotency-mismatch")
}

// TestJobsOfOneBot has callers whose token is for one bot see its jobs only.
func TestJobsOfOneBot(t *testing.T) {
	t.Parallel()
	h := jobServer(t)
	mine := botclaim.Header + ": demo"
	requireProblem(t, post(t, h, `{"kind":"letters","all":true}`, mine), http.StatusForbidden, "other-bot")
	path := post(t, h, `{"kind":"letters","last":"c"}`).Header().Get("Location")
	for _, target := range []string{path, path + "/result"} {
		requireProblem(t, send(t, h, http.MethodGet, target, "", mine), http.StatusNotFound, "unknown-job")
	}
	requireProblem(t, send(t, h, http.MethodDelete, path, "", mine), http.StatusNotFound, "unknown-job")
	own := post(t, h, `{"kind":"letters","last":"c"}`, mine).Header().Get("Location")
	require.Equal(t, http.StatusOK, send(t, h, http.MethodGet, own, "", mine).Code)
	listed := send(t, h, http.MethodGet, "/v1/jobs", "", mine).Body.String()
	require.Contains(t, listed, strings.TrimPrefix(own, "/v1/jobs/"))
	require.NotContains(t, listed, strings.TrimPrefix(path, "/v1/jobs/"))
	requireProblem(t, send(t, h, http.MethodGet, "/v1/jobs", "", botclaim.Header+": no bot"), http.StatusForbidden, "other-bot")
}

func TestListJobs(t *testing.T) {
	t.Parallel()
	h := jobServer(t)
	var made []string
	for range 5 {
		made = append([]string{post(t, h, `{"kind":"letters","last":"c"}`).Header().Get("Location")}, made...)
	}
	for _, path := range made {
		awaitJob(t, h, path)
	}
	var listed []string
	for cursor := "&cursor="; ; {
		w := ask(t, h, http.MethodGet, "/v1/jobs?status=done&limit=2"+cursor)
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		var page struct {
			Jobs       []jobView
			NextCursor string `json:"next_cursor"`
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
		for _, j := range page.Jobs {
			listed = append(listed, "/v1/jobs/"+j.ID)
		}
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	require.Equal(t, made, listed)
	require.JSONEq(t, `{"jobs":[]}`, ask(t, h, http.MethodGet, "/v1/jobs?status=failed").Body.String())
}

// TestExportedLine has an export show events as the API does.
func TestExportedLine(t *testing.T) {
	t.Parallel()
	r := record("application/json", []byte(`{"n": 1}`))
	r.Attempts = []event.Change{{Attempt: 1, Status: event.StatusFailed, At: at}}
	got, err := eventjson.AppendLine([]byte("x"), r)
	require.NoError(t, err)
	h := handler(t, Config{Reader: &fakeReader{record: r}})
	require.Equal(t, "x"+ask(t, h, http.MethodGet, "/v1/events/id-1").Body.String(), string(got))

	r.Event.Data = []byte("{\r\n\"text\": \"a\\nb\"\n}")
	got, err = eventjson.AppendLine(nil, r)
	require.NoError(t, err)
	require.NotContains(t, string(got), "\n")
	require.Contains(t, string(got), `"data":{  "text": "a\nb" }`, "one line, with what the text says")
}
