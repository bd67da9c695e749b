package api

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// deadReader has one dead letter, dead-1, which lists have by any filter, and counts its questions.
type deadReader struct{ *fakeReader }

func newDeadReader() deadReader {
	dead := record("application/json", []byte(`{"a": 1}`))
	dead.Event.ID, dead.Status, dead.AttemptCount, dead.Replays = "dead-1", event.StatusDead, 7, 1
	dead.Attempts = []event.Change{
		{Attempt: 7, Status: event.StatusDead, At: at, StatusCode: 500, Error: "out of time"},
		{Attempt: 2, Replays: 1, Status: event.StatusDead, At: at.Add(time.Second), StatusCode: 410, Error: "refused for good"},
	}
	listed := *dead
	listed.Attempts, listed.Last = nil, &dead.Attempts[1]
	dead.Last = listed.Last
	return deadReader{&fakeReader{record: dead, page: &store.Page{Records: []*store.Record{&listed}}}}
}

func (d deadReader) Get(ctx context.Context, id string) (*store.Record, error) {
	if id != "dead-1" && d.err == nil {
		return nil, store.ErrNotFound
	}
	return d.fakeReader.Get(ctx, id)
}

// submitted keeps what was asked for.
type submitted struct {
	fakeJobs
	request *job.Request
}

func (s submitted) Submit(ctx context.Context, r job.Request) (*job.Job, bool, error) {
	*s.request = r
	r.Bot = ""
	return s.fakeJobs.Submit(ctx, r)
}

const (
	deadView = `{"id":"dead-1","bot":"demo","type":"github.push","subject":"42","time":"2026-03-04T05:06:07.000891Z","order_key":"7",
	"verified_by":"github","content_type":"application/json","reason":"refused for good","status_code":410,"attempts":2,
	"died_at":"2026-03-04T05:06:08.000891Z","replays":1`
	deadGroup = `"count":1,"oldest":"2026-03-04T05:06:08.000891Z","newest":"2026-03-04T05:06:08.000891Z"`
)

func TestDead(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/v1/dead":                                           `{"dead":[` + deadView + `}]}`,
		"/v1/dead?bot=demo&reason=REFUSED":                   `{"dead":[` + deadView + `}]}`,
		"/v1/dead?reason=out":                                `{"dead":[]}`,
		"/v1/dead?since=2026-03-04T05:06:09Z":                `{"dead":[]}`,
		"/v1/dead?until=2026-03-04T05:06:08Z":                `{"dead":[]}`,
		"/v1/dead?user=42&until=1h&limit=200":                `{"dead":[` + deadView + `}]}`,
		"/v1/dead/dead-1":                                    deadView + `,"history":[{"attempt":7,"status":"dead","at":"2026-03-04T05:06:07.000891Z","duration_ms":0,"status_code":500,"error":"out of time"},{"attempt":2,"replays":1,"status":"dead","at":"2026-03-04T05:06:08.000891Z","duration_ms":0,"status_code":410,"error":"refused for good"}],"data":{"a": 1}}`,
		"/v1/dead/summary?until=2027-01-02T00:00:00%2B01:00": `x`,
	} {
		w := ask(t, handler(t, Config{Reader: newDeadReader()}), "GET", target)
		require.Equal(t, 200, w.Code, "%s: %s", target, w.Body)
		if want != "x" {
			require.JSONEq(t, want, w.Body.String(), target)
			continue
		}
		require.Contains(t, w.Body.String(), `{"count":1,"bots":[{"name":"demo",`+deadGroup+`}],"reasons":[{"name":"refused for good",`+deadGroup+`}],`)
		require.Contains(t, w.Body.String(), `"until":"20`)
		require.Contains(t, w.Body.String(), `"sample":[{"id":"dead-1","bot":"demo",`)
	}
	reader := newDeadReader()
	reader.page.Next, reader.page.Missing = &store.Position{Time: at, ID: "dead-1"}, []string{"b"}
	w := ask(t, handler(t, Config{Reader: reader}), "GET", "/v1/dead?limit=1&user=42&type=t")
	require.JSONEq(t, `{"dead":[`+deadView+`}],"next_cursor":"`+reader.page.Next.Cursor()+`",
		"searched_to":"2026-03-04T05:06:07.000891Z","incomplete":true}`, w.Body.String())
	require.Equal(t, store.Query{Subject: "42", Type: "t", Statuses: []event.Status{event.StatusDead}, Limit: 1}, reader.query)
}

func TestDeadJobs(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]job.Request{
		"POST /v1/dead/dead-1/replay":          {Kind: "dead-replay", Parameters: []byte(`{"ids":["dead-1"]}`)},
		"DELETE /v1/dead/dead-1":               {Kind: "dead-drop", Parameters: []byte(`{"ids":["dead-1"]}`)},
		"POST /v1/dead/replay?user=42&rate=5":  {Kind: "dead-replay", Parameters: []byte(`{"filter":{"user":"42"},"rate":5}`)},
		"DELETE /v1/dead?reason=410":           {Kind: "dead-drop", Parameters: []byte(`{"filter":{"reason":"410"}}`)},
		"DELETE /v1/dead?all=true":             {Kind: "dead-drop", Parameters: []byte(`{"all":true}`)},
		"POST /v1/dead/replay?bot=demo | demo": {Kind: "dead-replay", Parameters: []byte(`{"filter":{"bot":"demo"}}`), Bot: "demo"},
		"POST /v1/dead/replay?type=t | demo":   {Kind: "dead-replay", Parameters: []byte(`{"filter":{"bot":"demo","type":"t"}}`), Bot: "demo"},
		"POST /v1/dead/replay?all=true | demo": {Kind: "dead-replay", Parameters: []byte(`{"all":true}`), Bot: "demo"},
	} {
		var method, target, bot string
		_, err := fmt.Sscanf(request, "%s %s | %s", &method, &target, &bot)
		require.True(t, err == nil || bot == "")
		got := &job.Request{}
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, target, nil)
		if bot != "" {
			r.Header.Set("X-Botgate-Bot", bot)
		}
		handler(t, Config{Reader: newDeadReader(), Jobs: submitted{request: got}}).ServeHTTP(w, r)
		require.Equal(t, 202, w.Code, "%s: %s", request, w.Body)
		require.Equal(t, "/v1/jobs/queued", w.Header().Get("Location"))
		require.Equal(t, want, *got, request)
	}
}

func TestDeadRefusals(t *testing.T) {
	t.Parallel()
	secret := errors.New("postgres://u:hunter2@10.0.0.7")
	for _, tc := range []struct {
		method, target string
		err            error
		status         int
		slug           string
	}{
		{"GET", "/v1/dead/x", nil, 404, "unknown-dead-letter"},
		{"GET", "/v1/dead/%00", nil, 404, "unknown-dead-letter"},
		{"POST", "/v1/dead/x/replay", nil, 404, "unknown-dead-letter"},
		{"DELETE", "/v1/dead/x", nil, 404, "unknown-dead-letter"},
		{"GET", "/v1/dead?cursor=x", nil, 400, "malformed"},
		{"GET", "/v1/dead?users=1", nil, 400, "malformed"},
		{"GET", "/v1/dead?limit=201", nil, 400, "malformed"},
		{"GET", "/v1/dead?since=yesterday", nil, 400, "malformed"},
		{"GET", "/v1/dead?bot=a&bot=b", nil, 400, "malformed"},
		{"GET", "/v1/dead?bot=%zz", nil, 400, "malformed"},
		{"GET", "/v1/dead/summary?limit=1", nil, 400, "malformed"},
		{"GET", "/v1/dead/dead-1?bot=demo", nil, 400, "malformed"},
		{"DELETE", "/v1/dead", nil, 400, "malformed"},
		{"DELETE", "/v1/dead?all=yes", nil, 400, "malformed"},
		{"DELETE", "/v1/dead?all=true&bot=demo", nil, 400, "malformed"},
		{"POST", "/v1/dead/replay?bot=", nil, 400, "malformed"},
		{"POST", "/v1/dead/replay?bot=b&rate=-1", nil, 400, "malformed"},
		{"POST", "/v1/dead/replay?bot=b&cursor=c", nil, 400, "malformed"},
		{"POST", "/v1/dead", nil, 405, "method-not-allowed"},
		{"PUT", "/v1/dead/x", nil, 405, "method-not-allowed"},
		{"GET", "/v1/dead/x/replay", nil, 405, "method-not-allowed"},
		{"GET", "/v1/dead", fmt.Errorf("%w: %w", store.ErrUnavailable, secret), 503, "unavailable"},
		{"DELETE", "/v1/dead/x", fmt.Errorf("%w: %w", store.ErrUnavailable, secret), 503, "unavailable"},
		{"GET", "/v1/dead", secret, 500, "internal"},
	} {
		reader, got := newDeadReader(), &job.Request{}
		reader.err = tc.err
		w := ask(t, handler(t, Config{Reader: reader, Jobs: submitted{request: got}}), tc.method, tc.target)
		requireProblem(t, w, tc.status, tc.slug)
		require.NotContains(t, w.Body.String(), "hunter2")
		require.Empty(t, got.Kind, tc.target)
	}
	w := ask(t, handler(t, Config{Reader: newDeadReader(), Jobs: fakeJobs{}}), "PUT", "/v1/dead")
	require.Equal(t, "DELETE, GET, HEAD", w.Header().Get("Allow"))
}

// TestPagesOfOthers has a browser send what a page of another origin made it send.
func TestPagesOfOthers(t *testing.T) {
	t.Parallel()
	got := &job.Request{}
	for _, target := range []string{"/v1/dead/replay?all=true", "/v1/dead/dead-1/replay"} {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", target, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		handler(t, Config{Reader: newDeadReader(), Jobs: submitted{request: got}}).ServeHTTP(w, r)
		requireProblem(t, w, 403, "cross-origin")
	}
	require.Empty(t, got.Kind)
}
