package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 891_000, time.UTC)

// fakeReader answers with what it holds and keeps what it was asked.
type fakeReader struct {
	record *store.Record
	page   *store.Page
	user   *store.User
	stats  []store.Minute
	err    error

	id         string
	query      store.Query
	userQuery  store.UserQuery
	usersQuery store.UsersQuery
	statsQuery store.StatsQuery
	calls      int
	mu         sync.Mutex // Of all but the answers.
}

func (f *fakeReader) Get(ctx context.Context, id string) (*store.Record, error) {
	f.mu.Lock()
	f.id, f.calls = id, f.calls+1
	f.mu.Unlock()
	return f.record, f.answer(ctx)
}

func (f *fakeReader) List(ctx context.Context, q store.Query) (*store.Page, error) {
	f.mu.Lock()
	f.query, f.calls = q, f.calls+1
	f.mu.Unlock()
	return f.page, f.answer(ctx)
}

func (f *fakeReader) User(_ context.Context, q store.UserQuery) (*store.User, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.userQuery, f.calls = q, f.calls+1
	return f.user, f.err
}

func (f *fakeReader) Stats(_ context.Context, q store.StatsQuery) ([]store.Minute, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statsQuery, f.calls = q, f.calls+1
	return f.stats, f.err
}

func (f *fakeReader) Users(_ context.Context, q store.UsersQuery) (*store.UsersPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.usersQuery, f.calls = q, f.calls+1
	return &store.UsersPage{Users: []string{"alice", "x/data"}, Next: "x/data"}, f.err
}

func (f *fakeReader) Count(context.Context, event.Status, int) (int64, error) { return 48, f.err }

func (f *fakeReader) Log(context.Context, store.LogQuery) ([]store.Entry, error) {
	return nil, f.err
}

// answer hangs until the deadline when there is nothing to answer with.
func (f *fakeReader) answer(ctx context.Context) error {
	if f.err == nil && f.record == nil && f.page == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.err
}

func record(contentType string, data []byte) *store.Record {
	return &store.Record{
		Event: &event.Event{
			ID: "id-1", Bot: "demo", Type: "github.push", Subject: "42", Time: at, OrderKey: "7",
			VerifiedBy: "github", ContentType: contentType, Data: data,
		},
		Status: event.StatusAccepted, RecordedAt: at.Add(time.Second), UpdatedAt: at.Add(2 * time.Second),
	}
}

func handler(t *testing.T, cfg Config) http.Handler {
	t.Helper()
	a, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

func ask(t *testing.T, h http.Handler, method, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, nil))
	return w
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, slug string) {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var p struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, "urn:botgate:problem:"+slug, p.Type)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
}
