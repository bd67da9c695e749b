package integration

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

var hello = []byte(`{"command":"/hello"}`)

// twoTypes has a second Content-Type, by which the next one might go.
func twoTypes(good http.Header) http.Header {
	h := good.Clone()
	h.Add("Content-Type", "application/x-www-form-urlencoded")
	return h
}

// TestRefusedCommands sends what must not be accepted and finds a problem each time and
// nothing in the database.
func TestRefusedCommands(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	good := bearer(s.token("alice"))
	with := func(name, value string) http.Header {
		h := good.Clone()
		h.Set(name, value)
		return h
	}
	claims := func(c jwt.MapClaims) http.Header { return bearer(s.tokenWith(c)) }
	const path = "/v1/bots/demo/commands"
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		body         []byte
		status       int
		slug         string
	}{
		"not json":         {"POST", path, good, []byte(`hello`), 400, "malformed"},
		"empty":            {"POST", path, good, nil, 400, "malformed"},
		"two documents":    {"POST", path, good, []byte(`{"command":"a"}{}`), 400, "malformed"},
		"wrong type":       {"POST", path, with("Content-Type", "text/plain"), hello, 415, "unsupported-type"},
		"form":             {"POST", path, with("Content-Type", "application/x-www-form-urlencoded"), []byte(`payload={"command":"/pay"}`), 415, "unsupported-type"},
		"two types":        {"POST", path, twoTypes(good), hello, 400, "malformed"},
		"other charset":    {"POST", path, with("Content-Type", "application/json; charset=utf-16"), hello, 415, "unsupported-type"},
		"oversized":        {"POST", path, good, bytes.Repeat([]byte(" "), 2<<20), 413, "too-large"},
		"schema":           {"POST", path, good, []byte(`{"text":"no command"}`), 422, "schema-violation"},
		"no token":         {"POST", path, http.Header{"Content-Type": {"application/json"}}, hello, 401, "missing-token"},
		"rubbish token":    {"POST", path, bearer("abc"), hello, 401, "invalid-token"},
		"expired":          {"POST", path, claims(jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}), hello, 401, "invalid-token"},
		"never expires":    {"POST", path, claims(jwt.MapClaims{"exp": nil}), hello, 401, "invalid-token"},
		"other issuer":     {"POST", path, claims(jwt.MapClaims{"iss": "x"}), hello, 401, "invalid-token"},
		"other audience":   {"POST", path, claims(jwt.MapClaims{"aud": "x"}), hello, 401, "invalid-token"},
		"nobody's":         {"POST", path, claims(jwt.MapClaims{"sub": nil}), hello, 401, "invalid-token"},
		"no scope":         {"POST", path, claims(jwt.MapClaims{"scope": "events:read"}), hello, 403, "insufficient-scope"},
		"unknown bot":      {"POST", "/v1/bots/nobody/commands", good, hello, 404, "unknown-bot"},
		"idempotency key":  {"POST", path, with("Idempotency-Key", "a b"), hello, 400, "malformed"},
		"method":           {"GET", path, good, nil, 405, ""},
		"no such path":     {"GET", "/nothing", nil, nil, 404, ""},
		"no such event":    {"GET", "/v1/events/nope", good, nil, 404, "unknown-event"},
		"events, no token": {"GET", "/v1/events", nil, nil, 401, "missing-token"},
		"events, no scope": {"GET", "/v1/events", claims(jwt.MapClaims{"scope": "commands:write"}), nil, 403, "insufficient-scope"},
		"bad limit":        {"GET", "/v1/events?limit=x", good, nil, 400, "malformed"},
		"bad cursor":       {"GET", "/v1/events?cursor=x", good, nil, 400, "malformed"},
		"write to events":  {"PUT", "/v1/events/x", good, nil, 405, "method-not-allowed"},
		"dead, no token":   {"DELETE", "/v1/dead?all=true", nil, nil, 401, "missing-token"},
		"dead, no scope":   {"DELETE", "/v1/dead?all=true", good, nil, 403, "insufficient-scope"},
		"sidecar, no token": {
			"POST", "/v1/bots/demo/ask",
			http.Header{"Content-Type": {"application/json"}},
			hello,
			401, "missing-token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := send(c.method, s.base+c.path, c.header, c.body)
			require.NoError(t, err)
			requireProblem(t, a, c.status, c.slug)
			if c.status == http.StatusUnauthorized || c.status == http.StatusForbidden {
				require.Contains(t, a.header.Get("WWW-Authenticate"), "Bearer")
			}
		})
	}
	require.Empty(t, s.recorded())
}

func TestRefusedWebhooks(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	body := []byte(`{"zen":"x"}`)
	change := func(name, value string) http.Header {
		h := s.signed("github", "ping", "d", body)
		h.Set(name, value)
		return h
	}
	text := []byte("not json")
	form := s.signed("github", "ping", "d", text)
	form.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, c := range map[string]struct {
		path   string
		header http.Header
		body   []byte
		status int
		slug   string
	}{
		"unsigned":         {"/hooks/demo/github", http.Header{"Content-Type": {"application/json"}}, body, 401, "invalid-signature"},
		"other bytes":      {"/hooks/demo/github", change("X-A", "1"), []byte(`{"zen": "x"}`), 401, "invalid-signature"},
		"bad signature":    {"/hooks/demo/github", change("X-Hub-Signature-256", "sha256=00"), body, 401, "invalid-signature"},
		"not json":         {"/hooks/demo/github", s.signed("github", "ping", "d", text), text, 400, "malformed"},
		"not a form":       {"/hooks/demo/github", form, text, 400, "malformed"},
		"unknown bot":      {"/hooks/nobody/github", change("X-A", "1"), body, 404, "unknown-bot"},
		"unknown platform": {"/hooks/demo/myspace", change("X-A", "1"), body, 404, ""},
		"not an object":    {"/hooks/demo/github", s.signed("github", "ping", "d", []byte(`[]`)), []byte(`[]`), 422, "schema-violation"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := send(http.MethodPost, s.base+c.path, c.header, c.body)
			require.NoError(t, err)
			requireProblem(t, a, c.status, c.slug)
		})
	}
	require.Empty(t, s.recorded())
}

func TestOldWebhookIsRefused(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	body := []byte(`{"type":"a"}`)
	header := s.signed("standard-webhooks", "", "msg_1", body)
	header.Set("Webhook-Timestamp", "1600000000")
	a, err := send(http.MethodPost, s.base+"/hooks/demo/standard-webhooks", header, body)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusUnauthorized, "invalid-signature")
}

// TestRateLimit sends more than the burst of the shipped Caddyfile at once. The rate is lower
// and the budget larger, so that a slow machine meets the same limit.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, s *stack) {
		path := s.caddyfileWith(t, "rate 100/s\n\t\t\tburst 200\n\t\t}", "rate 1/s\n\t\t\tburst 200\n\t\t}\n\t\tbudget 20s")
		_, stderr, code := run(t, s.dir, s.env, "", gatewayBinary, "reload", "--config", path, "--address", s.admin)
		require.Zero(t, code, stderr)
		token := s.token("eager")
		results := make(chan answer)
		const senders, each = 20, 40
		for range senders {
			go func() {
				for range each {
					a, _ := s.command(token, "", hello)
					results <- a
				}
			}()
		}
		counts := map[int]int{}
		var refused answer
		for range senders * each {
			a := <-results
			if counts[a.status]++; a.status == http.StatusTooManyRequests {
				refused = a
			}
		}
		require.Positive(t, counts[http.StatusTooManyRequests], "%v", counts)
		require.GreaterOrEqual(t, counts[http.StatusAccepted], 200, "the burst is allowed: %v", counts)
		require.Equal(t, senders*each, counts[http.StatusAccepted]+counts[http.StatusTooManyRequests], "%v", counts)
		requireProblem(t, refused, http.StatusTooManyRequests, "rate-limited")
		require.NotEmpty(t, refused.header.Get("Retry-After"))
		require.NotEmpty(t, refused.header.Get("RateLimit"))
		require.NotEmpty(t, refused.header.Get("RateLimit-Policy"))
		a, err := s.command(s.token("somebody-else"), "", hello)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "others are not affected")
	})
}
