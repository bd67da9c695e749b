package botenqueue

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// askAhead asks as a limiter before the handler does.
func askAhead(f *fakeApp, h *Handler, r *http.Request) (asked bool) {
	call := h.Ask(r)
	if call != nil {
		f.pipe.Send(call)
	}
	return call != nil
}

// aheadOf is a handler over Redis, and what serves a request that was asked about ahead.
func aheadOf(t *testing.T) (*fakeApp, *Handler, func(*http.Request) *httptest.ResponseRecorder) {
	t.Helper()
	f := &fakeApp{}
	h := remembering(t, f, testsvc.Redis(t))
	return f, h, func(r *http.Request) *httptest.ResponseRecorder {
		return serveAfter(t, h, r, client, func(r *http.Request) {
			askAhead(f, h, r)                // Not where this process knows the answer, before Redis does.
			t.Cleanup(func() { h.Forgo(r) }) // There is nothing left.
		})
	}
}

func TestKeyClaimedAhead(t *testing.T) {
	t.Parallel()
	f, h, served := aheadOf(t)
	key := uuid.NewString()
	first := served(keyed(key, `{"a":1}`))
	require.Equal(t, http.StatusAccepted, first.Code)
	requireReplay(t, first, served(keyed(key, `{"a":1}`)))
	requireReplay(t, first, serve(t, h, keyed(key, `{"a":1}`), client))
	require.Equal(t, http.StatusUnprocessableEntity, served(keyed(key, `{"a":2}`)).Code)
	require.Len(t, f.published, 1)
}

// TestKeyOfARefusedRequestIsFree has a request that a handler in between refused.
func TestKeyOfARefusedRequestIsFree(t *testing.T) {
	t.Parallel()
	f, h, served := aheadOf(t)
	key := uuid.NewString()
	repl := caddy.NewReplacer()
	refused := caddyhttp.PrepareRequest(keyed(key, `{"a":"wrong"}`), repl, httptest.NewRecorder(), nil)
	repl.Set(placeholderAuthUser, client[placeholderAuthUser])
	require.True(t, askAhead(f, h, refused))
	h.Forgo(refused)
	h.Forgo(refused)
	require.Equal(t, http.StatusAccepted, served(keyed(key, `{"a":"right"}`)).Code)
}

// TestRequestThatChangedOnItsWay has a handler in between that makes it somebody else's.
func TestRequestThatChangedOnItsWay(t *testing.T) {
	t.Parallel()
	f, h, served := aheadOf(t)
	key := uuid.NewString()
	w := serveAfter(t, h, keyed(key, `{"a":1}`), client, func(r *http.Request) {
		require.True(t, askAhead(f, h, r))
		r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set(placeholderAuthUser, "bob")
	})
	require.Equal(t, http.StatusAccepted, w.Code)
	require.Equal(t, "bob", f.published[0].Subject)
	require.Equal(t, http.StatusAccepted, served(keyed(key, `{"a":2}`)).Code, "the key of the one it was is free")
}

func TestWhatIsNotAskedAhead(t *testing.T) {
	t.Parallel()
	f := &fakeApp{}
	h := remembering(t, f, testsvc.Redis(t))
	local := remembering(t, &fakeApp{}, "")
	changed := func(change func(*http.Request)) *http.Request {
		r := keyed(uuid.NewString(), `{"a":1}`)
		change(r)
		return r
	}
	for name, c := range map[string]struct {
		h            *Handler
		r            *http.Request
		placeholders map[string]string
	}{
		"no key":       {h, command(`{"a":1}`), client},
		"bad key":      {h, keyed(strings.Repeat("k", 256), `{"a":1}`), client},
		"unverified":   {h, keyed("k", `{"a":1}`), nil},
		"no Redis":     {local, keyed("k", `{"a":1}`), client},
		"large":        {h, keyed("k", `"`+strings.Repeat("a", maxAhead)+`"`), client},
		"unknown size": {h, changed(func(r *http.Request) { r.ContentLength = -1 }), client},
		"compressed":   {h, changed(func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }), client},
		"method":       {h, changed(func(r *http.Request) { r.Method = http.MethodPut }), client},
		"unknown bot":  {h, changed(func(r *http.Request) { r.URL.Path = "/v1/bots/none/commands" }), client},
	} {
		repl := caddy.NewReplacer()
		r := caddyhttp.PrepareRequest(c.r, repl, httptest.NewRecorder(), nil)
		for name, value := range c.placeholders {
			repl.Set(name, value)
		}
		require.Nil(t, c.h.Ask(r), name)
		c.h.Forgo(r)
	}
	require.Empty(t, f.published)
}
