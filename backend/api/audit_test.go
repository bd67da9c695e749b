package api

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/store"
)

// fakeAudit keeps entries, newest first.
type fakeAudit struct {
	err     error
	mu      sync.Mutex
	entries []audit.Entry
	query   audit.Query
}

func (f *fakeAudit) Append(_ context.Context, e audit.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.ID, e.At = "id", at
	f.entries = slices.Insert(f.entries, 0, e)
	return f.err
}

func (f *fakeAudit) List(_ context.Context, q audit.Query) ([]audit.Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.query = q
	return f.entries[:min(len(f.entries), q.Limit)], f.err
}

func TestAudit(t *testing.T) {
	t.Parallel()
	log := &fakeAudit{}
	cfg := usersConfig(t, record("", nil), nil)
	cfg.Jobs, cfg.Audit, cfg.Retry = fakeJobs{}, log, &fakeRetrier{}
	h := handler(t, cfg)
	change := func(method, target, user, bot string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), method, target, nil)
		r.Header.Set("X-Botgate-User", user)
		r.Header.Set("X-Botgate-Bot", bot)
		r.Header.Set("X-Botgate-Issuer", "https://issuer.example")
		r.Header.Set("X-Botgate-Token", "token-1")
		r.Header.Set("X-Botgate-Client", "192.0.2.7")
		h.ServeHTTP(w, r)
		return w
	}
	for _, tc := range []struct {
		method, target, bot string
		want                audit.Entry
	}{
		{"DELETE", "/v1/dead?all=true", "*", audit.Entry{Action: "DELETE /v1/dead", Target: "/v1/dead?all=true", Status: 202, Job: "queued"}},
		{"POST", "/v1/dead/replay?user=alice&type=t", "*", audit.Entry{Action: "POST /v1/dead/replay", Target: "/v1/dead/replay?type=t&user=HASH", Status: 202, Job: "queued"}},
		{"POST", "/v1/bots/nobody/retry", "*", audit.Entry{Action: "POST /v1/bots/{bot}/retry", Target: "/v1/bots/nobody/retry", Status: 404}},
		{"POST", "/v1/bots/demo/retry", "*", audit.Entry{Action: "POST /v1/bots/{bot}/retry", Target: "/v1/bots/demo/retry", Status: 204}},
		{"DELETE", "/v1/users/alice/data", "*", audit.Entry{Action: "DELETE /v1/users/{user}/data", Target: "/v1/users/HASH/data", Status: 200}},
		{"DELETE", "/v1/users/alice/data", "demo", audit.Entry{Bot: "demo", Action: "DELETE /v1/users/{user}/data", Target: "/v1/users/HASH/data", Status: 403}},
	} {
		log.entries = nil
		w := change(tc.method, tc.target, "officer", tc.bot)
		require.Equal(t, tc.want.Status, w.Code, "%s: %s", tc.target, w.Body)
		require.Len(t, log.entries, 2, tc.target)
		asked, answered := log.entries[1], log.entries[0]
		require.Equal(t, w.Header().Get("X-Request-Id"), answered.RequestID)
		tc.want.RequestID, tc.want.By, tc.want.ID, tc.want.At = answered.RequestID, "officer", "id", at
		tc.want.Target = strings.Replace(tc.want.Target, "HASH", hashOf("alice"), 1)
		tc.want.Issuer, tc.want.Session, tc.want.Address = "https://issuer.example", "token-1", "192.0.2.7"
		tc.want.Phase = audit.Answered
		require.Equal(t, tc.want, answered)
		tc.want.Phase, tc.want.Status, tc.want.Job = audit.Asked, 0, ""
		require.Equal(t, tc.want, asked)
		require.NotContains(t, asked.Target, "alice")
	}
	log.entries = nil
	ask(t, h, "GET", "/v1/dead")
	require.Empty(t, log.entries, "reads are none")
	change("DELETE", "/v1/dead?all=true&reason="+strings.Repeat("x", 500)+strings.Repeat("%20", 300), strings.Repeat("x", 9999), "*")
	require.LessOrEqual(t, len(log.entries[0].By), 512)
	require.LessOrEqual(t, len(log.entries[0].Target), 1000)
}

// TestNothingWithoutAudit refuses what can't be written down.
func TestNothingWithoutAudit(t *testing.T) {
	t.Parallel()
	retrier := &fakeRetrier{}
	h := handler(t, Config{Retry: retrier, Audit: &fakeAudit{err: audit.ErrUnavailable}})
	w := ask(t, h, "POST", "/v1/bots/demo/retry")
	requireProblem(t, w, 503, "unavailable")
	require.Contains(t, w.Body.String(), "Nothing was changed: the audit")
	require.Empty(t, retrier.tried)
}

func TestListAudit(t *testing.T) {
	t.Parallel()
	log := &fakeAudit{}
	for _, action := range []string{"a", "b", "c"} {
		require.NoError(t, log.Append(t.Context(), audit.Entry{Phase: audit.Asked, RequestID: "r", By: "officer", Action: action, Target: "/x"}))
	}
	h := handler(t, Config{Audit: log})
	w := ask(t, h, "GET", "/v1/audit?limit=2&by=officer&action=a&from=2026-03-01T00:00:00Z&to=2026-03-09T00:00:00Z")
	require.Equal(t, 200, w.Code, w.Body)
	require.JSONEq(t, `{"entries":[{"at":"2026-03-04T05:06:07.000891Z","phase":"asked","requestid":"r","by":"officer","action":"c","target":"/x"},
		{"at":"2026-03-04T05:06:07.000891Z","phase":"asked","requestid":"r","by":"officer","action":"b","target":"/x"}],
		"next_cursor":"`+store.Position{Time: at, ID: "id"}.Cursor()+`"}`, w.Body.String())
	require.Equal(t, []any{"officer", "a", 3}, []any{log.query.By, log.query.Action, log.query.Limit})
	askAs(t, h, "GET", "/v1/audit", "demo")
	require.Equal(t, "demo", log.query.Bot, "a token for one bot")
	requireProblem(t, askAs(t, h, "GET", "/v1/audit?bot=other", "demo"), 403, "other-bot")
	requireProblem(t, ask(t, h, "GET", "/v1/audit?user=x"), 400, "malformed")
	requireProblem(t, ask(t, h, "DELETE", "/v1/audit"), 405, "method-not-allowed")
	requireProblem(t, ask(t, handler(t, Config{}), "GET", "/v1/audit"), 404, "not-found")
	requireProblem(t, ask(t, handler(t, Config{Audit: &fakeAudit{err: errors.Join(audit.ErrUnavailable)}}), "GET", "/v1/audit"), 503, "unavailable")
}

// auditWith has an entry of each phase, or fails.
func auditWith(err error) *fakeAudit {
	e := audit.Entry{
		ID: "a", At: at, Phase: audit.Asked, RequestID: "r", By: "officer", Bot: "demo", Action: "DELETE /v1/dead", Target: "/v1/dead?all=true",
	}
	answered := e
	answered.Phase, answered.Status, answered.Job = audit.Answered, 202, "j"
	answered.Issuer, answered.Session, answered.Address = "botgate", "token-1", "192.0.2.7"
	return &fakeAudit{err: err, entries: []audit.Entry{answered, e}}
}
