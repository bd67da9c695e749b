package api

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/session"
)

func sessionServer(t *testing.T) http.Handler {
	t.Helper()
	return handler(t, Config{Sessions: newSessions(t)})
}

// newSessions has sessions of at most 100 bytes and one hour, in a file.
func newSessions(t *testing.T) Sessions {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "sessions.db")+"?_txlock=immediate&_pragma=synchronous(OFF)")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	engine := session.NewSQL(sqldb.DB{Dialect: sqldb.SQLite, Writer: db, Reader: db}, nil)
	require.NoError(t, engine.Migrate(t.Context()))
	sessions, err := session.New(session.Config{Engine: engine, TTL: time.Minute, MaxTTL: time.Hour, MaxSize: 100})
	require.NoError(t, err)
	return sessions
}

// send sends a request with headers, given as "Name: value".
func send(t *testing.T, h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	switch method {
	case http.MethodPut:
		r.Header.Set("Content-Type", "application/json")
	case http.MethodPatch:
		r.Header.Set("Content-Type", "application/merge-patch+json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func requireExpires(t *testing.T, w *httptest.ResponseRecorder, in time.Duration) {
	t.Helper()
	expires, err := time.Parse(time.RFC3339, w.Header().Get("Botgate-Session-Expires"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(in), expires, 30*time.Second)
}

func TestSession(t *testing.T) {
	t.Parallel()
	h := sessionServer(t)
	const address = "/v1/sessions/demo/42"
	requireProblem(t, send(t, h, "GET", address, ""), 404, "unknown-session")
	requireProblem(t, send(t, h, "DELETE", address, ""), 404, "unknown-session")

	w := send(t, h, "PUT", address, ` {"step":1}`, "If-None-Match: *", "Content-Type: application/json; charset=utf-8")
	require.Equal(t, 201, w.Code, w.Body)
	require.Empty(t, w.Body)
	first := w.Header().Get("ETag")
	require.Regexp(t, `^"[A-Z2-7]{26}"$`, first)
	requireExpires(t, w, time.Minute)

	w = send(t, h, "GET", address, "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, ` {"step":1}`, w.Body.String(), "as it was sent")
	require.Equal(t, []string{"application/json", first, "private, no-cache"}, []string{w.Header().Get("Content-Type"), w.Header().Get("ETag"), w.Header().Get("Cache-Control")})
	requireExpires(t, w, time.Minute)
	for _, have := range []string{first, `"x", W/` + first, "*"} {
		w = send(t, h, "GET", address, "", "If-None-Match: "+have)
		require.Equal(t, 304, w.Code, have)
		require.Empty(t, w.Body)
		require.Equal(t, first, w.Header().Get("ETag"))
	}
	require.Equal(t, 200, send(t, h, "GET", address, "", `If-None-Match: "x"`).Code)

	w = send(t, h, "PATCH", address+"?ttl=30m", `{"cart":[1],"step":null}`, "If-Match: "+first)
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, `{"cart":[1]}`, w.Body.String())
	second := w.Header().Get("ETag")
	require.NotEqual(t, first, second)
	requireExpires(t, w, 30*time.Minute)

	w = send(t, h, "PUT", address, `{}`, "If-Match: *")
	require.Equal(t, 204, w.Code, w.Body)
	require.NotEqual(t, second, w.Header().Get("ETag"))
	require.Equal(t, 204, send(t, h, "DELETE", address, "", `If-Match: "x", `+w.Header().Get("ETag")).Code)
	requireProblem(t, send(t, h, "GET", address, ""), 404, "unknown-session")
	w = send(t, h, "PATCH", address, `{"a":1}`)
	require.Equal(t, 201, w.Code, w.Body)
	require.Equal(t, `{"a":1}`, w.Body.String())
}

func TestSessionRefusals(t *testing.T) {
	t.Parallel()
	h := sessionServer(t)
	require.Equal(t, 201, send(t, h, "PUT", "/v1/sessions/demo/there", `{"a":"`+strings.Repeat("a", 80)+`"}`).Code)
	for _, tc := range []struct {
		method, target, body string
		headers              []string
		status               int
		slug                 string
	}{
		{"POST", "/v1/sessions/demo/42", `{}`, nil, 405, "method-not-allowed"},
		{"GET", "/v1/sessions/demo", ``, nil, 404, "not-found"},
		{"GET", "/v1/sessions/demo/", ``, nil, 404, "not-found"},
		{"GET", "/v1/sessions/demo/42?ttl=1h", ``, nil, 400, "malformed"},
		{"DELETE", "/v1/sessions/demo/42?all=true", ``, nil, 400, "malformed"},
		{"GET", "/v1/sessions/demo/a%00b", ``, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/%ff", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/" + strings.Repeat("u", 513), `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42", `[]`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42", ``, nil, 400, "malformed"},
		{"PATCH", "/v1/sessions/demo/42", `null`, nil, 400, "malformed"},
		{"PATCH", "/v1/sessions/demo/42", `{"a":1,"a":2}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42?ttl=1", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42?ttl=0s", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42?ttl=1ms", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42?ttl=2h", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42?ttl=1m&ttl=2m", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42?TTL=1m", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42?ttl=%zz", `{}`, nil, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{"If-Match: x"}, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{`If-None-Match: "x"`}, 400, "malformed"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{"If-Match: *"}, 412, "condition-failed"},
		{"PATCH", "/v1/sessions/demo/there", `{}`, []string{`If-Match: "x"`}, 412, "condition-failed"},
		{"PUT", "/v1/sessions/demo/there", `{}`, []string{"If-None-Match: *"}, 412, "condition-failed"},
		{"DELETE", "/v1/sessions/demo/there", ``, []string{`If-Match: W/"x"`}, 412, "condition-failed"},
		{"PUT", "/v1/sessions/demo/42", `{"a":"` + strings.Repeat("a", 100) + `"}`, nil, 413, "too-large"},
		{"PATCH", "/v1/sessions/demo/there", `{"b":"` + strings.Repeat("b", 50) + `"}`, nil, 413, "too-large"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{"Content-Type: text/plain"}, 415, "unsupported-type"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{"Content-Type: application/merge-patch+json"}, 415, "unsupported-type"},
		{"PATCH", "/v1/sessions/demo/42", `{}`, []string{"Content-Type: application/json"}, 415, "unsupported-type"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{"Content-Encoding: gzip"}, 415, "unsupported-type"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{"X-Botgate-Bot: other"}, 403, "other-bot"},
		{"GET", "/v1/sessions/demo/there", ``, []string{"X-Botgate-Bot: "}, 403, "other-bot"},
		{"PUT", "/v1/sessions/demo/42", `{}`, []string{"Sec-Fetch-Site: cross-site"}, 403, "cross-origin"},
	} {
		w := send(t, h, tc.method, tc.target, tc.body, tc.headers...)
		requireProblem(t, w, tc.status, tc.slug)
	}
	w := send(t, h, "PUT", "/v1/sessions/demo/42", `{"a":`+strings.Repeat("[", 90)+`]}`)
	requireProblem(t, w, 400, "malformed")
	require.Equal(t, "DELETE, GET, HEAD, PATCH, PUT", send(t, h, "POST", "/v1/sessions/demo/42", "").Header().Get("Allow"))
	require.Equal(t, 200, send(t, h, "GET", "/v1/sessions/demo/there", "", "X-Botgate-Bot: demo").Code)
	requireProblem(t, send(t, h, "GET", "/v1/sessions/demo/42", ""), 404, "unknown-session")
	requireProblem(t, ask(t, handler(t, Config{}), "GET", "/v1/sessions/demo/42"), 404, "not-found")
}

// TestSessionNames has names that a path could lose, through a server and its client.
func TestSessionNames(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(sessionServer(t))
	defer server.Close()
	names := []string{"...", "a%2Fb", "%2F%2F", "a%3Fb", "a%23b", "a%25b", "a%252Fb", "%20", "+", "%2B", "%C3%A9", "a%5Cb", ";x", "a:b@c"}
	for n, name := range names {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/v1/sessions/demo/"+name, strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		a, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, a.Body.Close())
		// "+" and "%2B" are the same name in a path.
		require.Equal(t, map[bool]int{false: 201, true: 204}[name == "%2B"], a.StatusCode, name)
	}
	for n, name := range names {
		if name == "+" {
			continue
		}
		w := send(t, server.Config.Handler, "GET", "/v1/sessions/demo/"+name, "")
		require.Equal(t, fmt.Sprintf(`{"n":%d}`, n), w.Body.String(), name)
	}
}

// TestSessionOfASlash has the one name that the mux takes for the end of a path.
func TestSessionOfASlash(t *testing.T) {
	t.Parallel()
	requireProblem(t, send(t, sessionServer(t), "GET", "/v1/sessions/demo/%2F", ""), 404, "not-found")
}

func TestSessionHead(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(sessionServer(t))
	defer server.Close()
	address := server.URL + "/v1/sessions/demo/42"
	require.Equal(t, 201, send(t, server.Config.Handler, "PUT", address, `{"a":1}`).Code)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, address, nil)
	require.NoError(t, err)
	a, err := server.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, a.Body.Close())
	require.Equal(t, 200, a.StatusCode)
	require.EqualValues(t, 7, a.ContentLength)
}

// failingSessions has the same error for everything.
type failingSessions struct {
	*session.Sessions
	err error
}

func (f *failingSessions) Get(context.Context, session.Key) (*session.Session, error) {
	return nil, f.err
}

func TestSessionFailures(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err    error
		status int
		slug   string
	}{
		{fmt.Errorf("redis://u:hunter2@h: %w", session.ErrUnavailable), 503, "unavailable"},
		{context.DeadlineExceeded, 503, "unavailable"},
		{session.ErrBusy, 409, "session-busy"},
		{session.ErrTooDeep, 422, "too-complex"},
		{fmt.Errorf("hunter2"), 500, "internal"},
	} {
		registry := prometheus.NewRegistry()
		h := handler(t, Config{Sessions: &failingSessions{err: tc.err}, Registerer: registry})
		w := send(t, h, "GET", "/v1/sessions/demo/42", "")
		requireProblem(t, w, tc.status, tc.slug)
		require.NotContains(t, w.Body.String(), "hunter2")
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(fmt.Sprintf(`
# HELP botgate_api_requests_total Requests to the API by route and status code.
# TYPE botgate_api_requests_total counter
botgate_api_requests_total{code="%d",route="session"} 1
`, tc.status)), "botgate_api_requests_total"))
	}
}

func TestEntityTags(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		lines    []string
		tags     []entityTag
		whatever bool
		ok       bool
	}{
		{[]string{`*`}, nil, true, true},
		{[]string{` "a" `}, []entityTag{{"a", false}}, false, true},
		{[]string{`"a","b"`, `W/"c , d" ,, ""`}, []entityTag{{"a", false}, {"b", false}, {"c , d", true}, {"", false}}, false, true},
		{[]string{``}, nil, false, false},
		{[]string{`a`}, nil, false, false},
		{[]string{`"a`}, nil, false, false},
		{[]string{`"a"b`}, nil, false, false},
		{[]string{`"a" "b"`}, nil, false, false},
		{[]string{`w/"a"`}, nil, false, false},
		{[]string{`*, "a"`}, nil, false, false},
	} {
		tags, whatever, ok := entityTags(tc.lines)
		require.Equal(t, tc.ok, ok, tc.lines)
		require.Equal(t, tc.whatever, whatever, tc.lines)
		require.Equal(t, tc.tags, tags, tc.lines)
	}
}
