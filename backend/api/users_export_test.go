package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/botclaim"
)

// fakeUsers has one event of everybody but "nobody", on the first of two pages. Its error is for everything, but of the
// user "half" for the second page only.
type fakeUsers struct {
	*fakeReader
	err error
}

func (f fakeUsers) List(ctx context.Context, q store.Query) (*store.Page, error) {
	second := q.After != store.Position{}
	switch {
	case f.err != nil && (q.Subject != "half" || second):
		return nil, f.err
	case q.Subject == "nobody" || second:
		return &store.Page{Missing: []string{"b"}}, nil
	}
	page, err := f.fakeReader.List(ctx, q)
	return &store.Page{Records: page.Records, Next: &store.Position{Time: at, ID: "x"}, Missing: page.Missing}, err
}

func (f fakeUsers) Erase(context.Context, string, time.Time, func(int64) error) (int64, error) {
	return 7, f.err
}

// usersConfig has a session of alice at the bot "demo", besides an event.
func usersConfig(t *testing.T, rec *store.Record, err error) Config {
	t.Helper()
	users := fakeUsers{&fakeReader{record: rec, page: &store.Page{Records: []*store.Record{rec}}}, err}
	sessions := newSessions(t)
	_, _, failure := sessions.Put(t.Context(), session.Key{Bot: "demo", User: "alice"}, []byte(`{"a":1}`), 0, session.Condition{})
	require.NoError(t, failure)
	return Config{Reader: users, Eraser: users, Sessions: sessions}
}

func TestExportOfAUser(t *testing.T) {
	t.Parallel()
	rec := record("application/json", []byte("{\n  \"text\": \"a\\nb\"\r\n}"))
	server := httptest.NewServer(handler(t, usersConfig(t, rec, nil)))
	t.Cleanup(server.Close)
	answer, err := http.Get(server.URL + "/v1/users/alice/data")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "application/x-ndjson", answer.Header.Get("Content-Type"))
	lines := bufio.NewScanner(answer.Body)
	require.True(t, lines.Scan())
	var first struct {
		Event struct {
			ID       string
			Attempts []any
			Data     struct{ Text string }
		}
	}
	require.NoError(t, json.Unmarshal(lines.Bytes(), &first))
	require.Equal(t, rec.Event.ID, first.Event.ID)
	require.Equal(t, "a\nb", first.Event.Data.Text)
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), `{"session":{"bot":"demo","user":"alice"`)
	require.False(t, lines.Scan())
}

// TestExportThatFails: what breaks off must not look whole.
func TestExportThatFails(t *testing.T) {
	t.Parallel()
	cfg := usersConfig(t, record("application/json", []byte(`{}`)), errors.New("broken"))
	server := httptest.NewServer(handler(t, cfg))
	t.Cleanup(server.Close)
	whole, err := http.Get(server.URL + "/v1/users/alice/data")
	require.NoError(t, err)
	defer whole.Body.Close()
	require.Equal(t, http.StatusInternalServerError, whole.StatusCode)
	half, err := http.Get(server.URL + "/v1/users/half/data")
	if err != nil {
		return // Cut off before the headers were sent.
	}
	defer half.Body.Close()
	lines := bufio.NewScanner(half.Body)
	for lines.Scan() {
		require.NotContains(t, lines.Text(), "session")
	}
	require.Error(t, lines.Err())
}

func TestErasure(t *testing.T) {
	t.Parallel()
	cfg := usersConfig(t, record("", nil), nil)
	var forgotten []string
	cfg.Forget = func(_ context.Context, user string, ids []string) { forgotten = append([]string{user}, ids...) }
	h := handler(t, cfg)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/v1/users/alice/data", nil)
	r.Header.Set(botclaim.Header, "demo")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusForbidden, w.Code, "a token of one bot may not erase what others have")
	require.Empty(t, forgotten)

	r.Header.Del(botclaim.Header)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"user":"alice","events":7}`, w.Body.String())
	require.Equal(t, []string{"alice", "id-1"}, forgotten)
	_, err := cfg.Sessions.Get(t.Context(), session.Key{Bot: "demo", User: "alice"})
	require.ErrorIs(t, err, session.ErrNotFound)
}

// TestErasureByAJob erases what is no event at once, and has a job for the rest.
func TestErasureByAJob(t *testing.T) {
	t.Parallel()
	cfg := usersConfig(t, record("", nil), errors.New("the events are the job's"))
	jobs, kept := &askedJobs{}, &fakeRefusals{}
	cfg.Jobs, cfg.Refusals = jobs, kept
	h := handler(t, cfg)
	erase := func(bot string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/v1/users/alice/data", nil)
		r.Header.Set("Prefer", "respond-async, wait=3")
		r.Header.Set("Idempotency-Key", "once")
		r.Header.Set(userHeader, "olivia")
		if bot != "" {
			r.Header.Set(botclaim.Header, bot)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	requireProblem(t, erase("demo"), 403, "other-bot")
	require.Empty(t, jobs.asked)
	w := erase("")
	require.Equal(t, http.StatusAccepted, w.Code, w.Body)
	require.Equal(t, "respond-async", w.Header().Get("Preference-Applied"))
	require.Equal(t, "/v1/jobs/queued", w.Header().Get("Location"))
	require.Equal(t, []job.Request{{Kind: "erase", Parameters: []byte(`{"user":"alice"}`), AskedBy: "olivia", Key: "once"}}, jobs.asked)
	require.Equal(t, []string{"alice"}, kept.erased)
	_, err := cfg.Sessions.Get(t.Context(), session.Key{Bot: "demo", User: "alice"})
	require.ErrorIs(t, err, session.ErrNotFound)

	w = httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/jobs", strings.NewReader(`{"kind":"erase","user":"alice"}`))
	r.Header.Set("Content-Type", "application/json")
	h.ServeHTTP(w, r)
	requireProblem(t, w, 422, "unfit-job")
	require.Contains(t, w.Body.String(), "Prefer: respond-async")
}

// askedJobs remembers what was asked for.
type askedJobs struct {
	fakeJobs
	asked []job.Request
}

func (a *askedJobs) Submit(ctx context.Context, r job.Request) (*job.Job, bool, error) {
	a.asked = append(a.asked, r)
	return a.fakeJobs.Submit(ctx, r)
}
