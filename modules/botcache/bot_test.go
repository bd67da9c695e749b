package botcache

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// bot answers as it is told, and knows what it was asked.
type bot struct {
	mu     sync.Mutex
	asked  []*http.Request
	status int
	header map[string]string
	body   string
	err    error
	takes  time.Duration
	panics any
}

// say sets the next answers: a body, and headers by name and value.
func (b *bot) say(body string, header ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.err, b.body, b.header = http.StatusOK, nil, body, map[string]string{}
	for i := 0; i < len(header); i += 2 {
		b.header[header[i]] = header[i+1]
	}
}

func (b *bot) fail(status int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.err = status, err
}

func (b *bot) times() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.asked)
}

func (b *bot) last() *http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked[len(b.asked)-1]
}

// ServeHTTP implements [caddyhttp.Handler]. It answers 304 where it is asked about its ETag.
func (b *bot) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	b.mu.Lock()
	b.asked = append(b.asked, r)
	status, header, body, err, takes, panics := b.status, maps.Clone(b.header), b.body, b.err, b.takes, b.panics
	b.mu.Unlock()
	if takes > 0 {
		<-time.After(takes)
	}
	if panics != nil {
		panic(panics)
	}
	if err != nil {
		return err
	}
	for name, value := range header {
		w.Header().Set(name, value)
	}
	if tag := header["Etag"]; tag != "" && r.Header.Get("If-None-Match") == tag {
		status, body = http.StatusNotModified, ""
	}
	w.WriteHeader(status)
	_, err = w.Write([]byte(body))
	return err
}

// world is a handler with a bot behind it.
type world struct {
	*testing.T
	*bot
	handler *Handler
	log     *testlog.Buffer
}

// with runs a test of a handler within a clock of its own.
func with(t *testing.T, h *Handler, test func(w *world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, bot: &bot{}, handler: h}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		require.NoError(t, h.Provision(ctx))
		w.log = &testlog.Buffer{}
		h.logger, h.sampler = w.log.Logger(), requestlog.NewSampler(time.Now)
		w.say("one")
		test(w)
		require.NoError(t, h.Cleanup())
		cancel()
	})
}

// get asks for a path, with headers by name and value, and returns the answer.
func (w *world) get(path string, header ...string) *httptest.ResponseRecorder {
	w.Helper()
	return w.ask(http.MethodGet, path, header...)
}

func (w *world) ask(method, path string, header ...string) *httptest.ResponseRecorder {
	w.Helper()
	rec, err := w.try(method, path, header...)
	require.NoError(w, err)
	return rec
}

func (w *world) try(method, path string, header ...string) (*httptest.ResponseRecorder, error) {
	rec := httptest.NewRecorder()
	return rec, w.serve(rec, rec, method, path, header...)
}

// serve has the handler answer a request to a client, which rec is part of.
func (w *world) serve(client http.ResponseWriter, rec *httptest.ResponseRecorder, method, path string, header ...string) error {
	r := httptest.NewRequest(method, path, nil)
	user := ""
	for i := 0; i < len(header); i += 2 {
		if header[i] == "user" {
			user = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	repl := caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, rec, &caddyhttp.Server{})
	if user != "" {
		repl.Set("http.auth.user.id", user)
	}
	rec.Header().Set("X-Gateway", r.Header.Get("X-Turn")) // As handlers before this one do.
	return w.handler.ServeHTTP(client, r, caddyhttp.HandlerFunc(w.ServeHTTP))
}

// requireBody compares what is answered, and how often the bot was asked so far.
func (w *world) requireBody(want string, asked int, path string, header ...string) *httptest.ResponseRecorder {
	w.Helper()
	rec := w.get(path, header...)
	require.Equal(w, want, rec.Body.String())
	require.Equal(w, asked, w.times(), "how often the bot was asked")
	return rec
}
