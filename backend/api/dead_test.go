package api

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// fakeDead answers with what it holds and keeps what it was asked.
type fakeDead struct {
	letter *queue.DeadLetter
	next   string
	result queue.DeadResult
	err    error

	asked []string
	query queue.DeadQuery
}

func (f *fakeDead) note(what string, q queue.DeadQuery) { f.asked, f.query = append(f.asked, what), q }

func (f *fakeDead) ListDead(_ context.Context, q queue.DeadQuery) (*queue.DeadPage, error) {
	f.note("list", q)
	return &queue.DeadPage{Letters: []*queue.DeadLetter{f.letter}, Next: f.next}, f.err
}

func (f *fakeDead) GetDead(_ context.Context, id string) (*queue.DeadLetter, error) {
	f.note("get", queue.DeadQuery{DeadFilter: queue.DeadFilter{ID: id}})
	return f.letter, f.err
}

func (f *fakeDead) Redrive(_ context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
	f.note("replay", q)
	return f.result, f.err
}

func (f *fakeDead) DropDead(_ context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
	f.note("drop", q)
	return f.result, f.err
}

func deadLetter() *queue.DeadLetter {
	return &queue.DeadLetter{
		Event: &event.Event{
			ID: "id-1", Bot: "demo", Type: "command", Subject: "42", Time: at, OrderKey: "7",
			VerifiedBy: "jwt", ContentType: "application/json", Data: []byte(`{"a": 1}`),
		},
		Size: 8,
		DeadInfo: queue.DeadInfo{
			Group: queue.Dispatch, Reason: "refused for good", Attempts: 2, At: at.Add(time.Second), Replays: 1,
			Outcomes: []queue.Outcome{{Attempt: 2, At: at, StatusCode: 410, Error: "refused"}},
		},
	}
}

const deadView = `{"id":"id-1","bot":"demo","type":"command","subject":"42","time":"2026-03-04T05:06:07.000891Z","order_key":"7",
	"verified_by":"jwt","content_type":"application/json","size":8,"group":"dispatch","reason":"refused for good","attempts":2,
	"died_at":"2026-03-04T05:06:08.000891Z","replays":1,
	"history":[{"attempt":2,"at":"2026-03-04T05:06:07.000891Z","status_code":410,"error":"refused"}]`

func TestDead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method, target string
		result         queue.DeadResult
		asked          string
		query          queue.DeadQuery
		want           string
	}{
		{
			"GET", "/v1/dead?bot=demo&limit=3&cursor=c",
			queue.DeadResult{},
			"list",
			queue.DeadQuery{DeadFilter: queue.DeadFilter{Bot: "demo"}, Limit: 3, After: "c"},
			`{"dead":[` + deadView + `}],"next_cursor":"n"}`,
		},
		{"GET", "/v1/dead", queue.DeadResult{}, "list", queue.DeadQuery{Limit: 50}, `{"dead":[` + deadView + `}],"next_cursor":"n"}`},
		{"GET", "/v1/dead/id-1", queue.DeadResult{}, "get", queue.DeadQuery{DeadFilter: queue.DeadFilter{ID: "id-1"}}, deadView + `,"data":{"a": 1}}`},
		{
			"POST", "/v1/dead/id-1/replay",
			queue.DeadResult{Done: 1},
			"replay",
			queue.DeadQuery{DeadFilter: queue.DeadFilter{ID: "id-1"}, Limit: 1000},
			`{"replayed":1,"more":false}`,
		},
		{
			"DELETE", "/v1/dead/id-1",
			queue.DeadResult{Done: 1},
			"drop",
			queue.DeadQuery{DeadFilter: queue.DeadFilter{ID: "id-1"}, Limit: 1000},
			`{"dropped":1,"more":false}`,
		},
		{
			"POST", "/v1/dead/replay?user=42&limit=5",
			queue.DeadResult{Done: 5, Skipped: 1, Next: "x"},
			"replay",
			queue.DeadQuery{DeadFilter: queue.DeadFilter{Subject: "42"}, Limit: 5},
			`{"replayed":5,"skipped":1,"more":true}`,
		},
		{
			"DELETE", "/v1/dead?reason=410",
			queue.DeadResult{},
			"drop",
			queue.DeadQuery{DeadFilter: queue.DeadFilter{Reason: "410"}, Limit: 1000},
			`{"dropped":0,"more":false}`,
		},
		{"DELETE", "/v1/dead?all=true", queue.DeadResult{Done: 2}, "drop", queue.DeadQuery{Limit: 1000}, `{"dropped":2,"more":false}`},
	} {
		f := &fakeDead{letter: deadLetter(), next: "n", result: tc.result}
		w := ask(t, handler(t, Config{Dead: f}), tc.method, tc.target)
		require.Equal(t, 200, w.Code, "%s: %s", tc.target, w.Body)
		require.JSONEq(t, tc.want, w.Body.String(), tc.target)
		require.Equal(t, []string{tc.asked}, f.asked, tc.target)
		if tc.method != "GET" {
			require.WithinDuration(t, time.Now(), f.query.Until, time.Minute, "what dies again stays")
			f.query.Until = time.Time{}
		}
		require.Equal(t, tc.query, f.query, tc.target)
	}
}

func TestDeadRefusals(t *testing.T) {
	t.Parallel()
	secret := errors.New("amqp://u:hunter2@10.0.0.7")
	for _, tc := range []struct {
		method, target string
		fake           fakeDead
		status         int
		slug           string
	}{
		{"GET", "/v1/dead/x", fakeDead{err: queue.ErrNotFound}, 404, "unknown-dead-letter"},
		{"GET", "/v1/dead/%00", fakeDead{}, 404, "unknown-dead-letter"},
		{"POST", "/v1/dead/x/replay", fakeDead{}, 404, "unknown-dead-letter"},
		{"POST", "/v1/dead/x/replay", fakeDead{result: queue.DeadResult{Skipped: 1}}, 409, "not-replayable"},
		{"DELETE", "/v1/dead/x", fakeDead{}, 404, "unknown-dead-letter"},
		{"GET", "/v1/dead?cursor=x", fakeDead{err: fmt.Errorf("listing: %w", queue.ErrCursor)}, 400, "malformed"},
		{"GET", "/v1/dead?users=1", fakeDead{}, 400, "malformed"},
		{"GET", "/v1/dead?limit=1001", fakeDead{}, 400, "malformed"},
		{"GET", "/v1/dead?since=yesterday", fakeDead{}, 400, "malformed"},
		{"GET", "/v1/dead?bot=a&bot=b", fakeDead{}, 400, "malformed"},
		{"GET", "/v1/dead?bot=%zz", fakeDead{}, 400, "malformed"},
		{"DELETE", "/v1/dead", fakeDead{}, 400, "malformed"},
		{"DELETE", "/v1/dead?all=yes", fakeDead{}, 400, "malformed"},
		{"DELETE", "/v1/dead?all=true&bot=demo", fakeDead{}, 400, "malformed"},
		{"POST", "/v1/dead/replay?bot=", fakeDead{}, 400, "malformed"},
		{"POST", "/v1/dead/replay?bot=b&cursor=c", fakeDead{}, 400, "malformed"},
		{"POST", "/v1/dead", fakeDead{}, 405, "method-not-allowed"},
		{"PUT", "/v1/dead/x", fakeDead{}, 405, "method-not-allowed"},
		{"GET", "/v1/dead/x/replay", fakeDead{}, 405, "method-not-allowed"},
		{"GET", "/v1/dead", fakeDead{err: fmt.Errorf("%w: %w", queue.ErrUnavailable, secret)}, 503, "unavailable"},
		{"DELETE", "/v1/dead/x", fakeDead{err: fmt.Errorf("%w: %w", queue.ErrUnconfirmed, secret)}, 503, "unavailable"},
		{"GET", "/v1/dead", fakeDead{err: secret}, 500, "internal"},
	} {
		f := tc.fake
		w := ask(t, handler(t, Config{Dead: &f}), tc.method, tc.target)
		requireProblem(t, w, tc.status, tc.slug)
		require.NotContains(t, w.Body.String(), "hunter2")
		if tc.status == 400 && f.err == nil {
			require.Empty(t, f.asked, tc.target)
		}
	}
	w := ask(t, handler(t, Config{Dead: &fakeDead{}}), "PUT", "/v1/dead")
	require.Equal(t, "DELETE, GET, HEAD", w.Header().Get("Allow"))
}

// TestPagesOfOthers has a browser send what a page of another origin made it send.
func TestPagesOfOthers(t *testing.T) {
	t.Parallel()
	f := &fakeDead{letter: deadLetter()}
	for _, target := range []string{"/v1/dead/replay?all=true", "/v1/dead/id-1/replay"} {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "POST", target, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		handler(t, Config{Dead: f}).ServeHTTP(w, r)
		requireProblem(t, w, 403, "cross-origin")
	}
	require.Empty(t, f.asked)
}
