package botcors

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/crossorigin"
)

func load(h *Handler) error {
	if err := h.Provision(caddy.Context{}); err != nil {
		return err
	}
	return h.Validate()
}

// ask sends a request of a page and returns the answer, and whether it went on.
func ask(t *testing.T, h *Handler, method, origin, wants string) (*httptest.ResponseRecorder, bool) {
	t.Helper()
	r, w, reached := httptest.NewRequest(method, "/v1/events", nil), httptest.NewRecorder(), false
	r.Header.Set("Origin", origin)
	if wants != "" {
		r.Header.Set("Access-Control-Request-Method", wants)
		r.Header.Set("Access-Control-Request-Headers", "authorization")
	}
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		reached = true
		return nil
	})))
	return w, reached
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	h := &Handler{Origins: []string{"https://app.example", "https://*.bots.example"}, Credentials: true}
	require.NoError(t, load(h))
	for origin, allowed := range map[string]bool{
		"https://app.example": true, "https://a.bots.example": true, "http://app.example": false,
		"https://app.example.evil": false, "https://bots.example": false, "null": false,
	} {
		w, reached := ask(t, h, http.MethodOptions, origin, http.MethodPost)
		require.False(t, reached, origin)
		require.Equal(t, http.StatusNoContent, w.Code, origin)
		if !allowed {
			require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"), origin)
			continue
		}
		require.Equal(t, origin, w.Header().Get("Access-Control-Allow-Origin"))
		require.Equal(t, []string{"POST", "authorization", "true", "600"}, []string{
			w.Header().Get("Access-Control-Allow-Methods"), w.Header().Get("Access-Control-Allow-Headers"),
			w.Header().Get("Access-Control-Allow-Credentials"), w.Header().Get("Access-Control-Max-Age"),
		})
	}
	w, _ := ask(t, h, http.MethodOptions, "https://app.example", http.MethodDelete)
	require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"), "not an allowed method")
}

func TestOtherRequestsGoOn(t *testing.T) {
	t.Parallel()
	h := &Handler{Origins: []string{"https://app.example"}}
	require.NoError(t, load(h))
	w, reached := ask(t, h, http.MethodGet, "https://app.example", "")
	require.True(t, reached)
	require.Equal(t, "https://app.example", w.Header().Get("Access-Control-Allow-Origin"))
	require.Contains(t, w.Header().Get("Access-Control-Expose-Headers"), "Retry-After")
	require.Contains(t, w.Header().Values("Vary"), "Origin")

	w, reached = ask(t, h, http.MethodGet, "https://evil.example", "")
	require.True(t, reached)
	require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
	_, reached = ask(t, h, http.MethodOptions, "https://app.example", "")
	require.True(t, reached, "an OPTIONS that is no preflight is the API's own")
}

func TestOptionsMustBeSafe(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]*Handler{
		"option origins: at least one":     {},
		"option credentials":               {Origins: []string{"*"}, Credentials: true},
		`"app.example" is not an origin`:   {Origins: []string{"app.example"}},
		`"https://a/b" is not an origin`:   {Origins: []string{"https://a/b"}},
		`"https://a?b" is not an origin`:   {Origins: []string{"https://a?b"}},
		`"https://*.*.b" is not an origin`: {Origins: []string{"https://*.*.b"}},
		"option max_age":                   {Origins: []string{"https://a"}, MaxAge: -1},
	} {
		require.ErrorContains(t, load(h), want)
	}
	require.NoError(t, load(&Handler{Origins: []string{"*"}}))
}

// TestOriginsOfAnybody are refused, with and without credentials; names below a domain of one's own are not.
func TestOriginsOfAnybody(t *testing.T) {
	t.Setenv("BOTGATE_TEST_EMPTY", "")
	for origin, want := range map[string]string{
		"https://*": "whole first part", "https://*:8443": "whole first part", "http://*": "whole first part",
		"https://*app.example": "whole first part", "https://app*.example.com": "whole first part",
		"https://app.*.example": "whole first part", "https://app.*": "whole first part",
		"https://*.com": "anybody", "https://*.co.uk": "anybody", "https://*.github.io": "anybody",
		"https://*.CO.UK": "anybody", "https://*.com.": "anybody", "https://*.com:8443": "anybody",
		"https://*.example": "anybody", "http://*.168.1.1": "anybody",
		"": "empty", " ": "white space", "https://{env.BOTGATE_TEST_EMPTY}": "option origins",
		"{env.BOTGATE_TEST_EMPTY}": "option origins", "https://$HOST": "not replaced", "{args[0]}": "option origins",
		"https://*.": "whole first part", "https://*.*": "not an origin", "null": "not an origin",
	} {
		for _, credentials := range []bool{true, false} {
			h := &Handler{Origins: []string{"https://app.example", origin}, Credentials: credentials}
			err := load(h)
			require.ErrorContains(t, err, "bot_cors: option origins: ", origin)
			require.ErrorContains(t, err, want, origin)
		}
	}
	t.Setenv("BOTGATE_TEST_ORIGIN", "https://*.app.example")
	for _, origin := range []string{
		"https://*.app.example", "https://*.app.example:8443", "https://*.a.b.co.uk", "https://*.acme.github.io",
		"http://*.localhost:3000", "http://localhost:3000", "http://127.0.0.1:3000", "http://[::1]:3000",
		"https://example", "{env.BOTGATE_TEST_ORIGIN}",
	} {
		require.NoError(t, load(&Handler{Origins: []string{origin}, Credentials: true}), origin)
	}
}

// TestPagesThatMayActAsTheUser are those of allowed origins, where credentials are allowed, too.
func TestPagesThatMayActAsTheUser(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		origin      string
		credentials bool
		may         bool
	}{
		"allowed":             {"https://app.example", true, true},
		"another":             {"https://evil.example", true, false},
		"without credentials": {"https://app.example", false, false},
	} {
		h := &Handler{Origins: []string{"https://app.example"}, Credentials: tt.credentials}
		require.NoError(t, load(h))
		w := httptest.NewRecorder()
		r := caddyhttp.PrepareRequest(httptest.NewRequest(http.MethodPost, "/", nil), caddy.NewReplacer(), w, &caddyhttp.Server{})
		r.Header.Set("Origin", tt.origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		forged := tt.may
		require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
			forged = crossorigin.Forged(r)
			return nil
		})))
		require.Equal(t, tt.may, !forged, name)
	}
}
