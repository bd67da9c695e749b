package botsignature

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/lockout"
)

// load provisions a handler and cleans it up after the test.
func load(t testing.TB, h *Handler) *Handler {
	t.Helper()
	require.NoError(t, provision(t, h))
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	return h
}

func TestHandshakesAreAnsweredHere(t *testing.T) {
	t.Parallel()
	h := load(t, &Handler{
		Platform: "{http.request.uri.path.2}",
		Platforms: map[string]*PlatformConfig{
			"slack":  {Files: []string{writeFile(t, "signing")}},
			"github": {Files: []string{writeFile(t, githubSecret)}},
			"line":   {Files: []string{writeFile(t, "channel")}},
			"meta":   {Files: []string{writeFile(t, "app")}, Options: map[string]string{"verify_token": "{file." + writeFile(t, "verify-token\n") + "}"}},
		},
	})
	ping := signed(t, "github", githubSecret, `{"zen":"x"}`)
	ping.Header.Set("X-GitHub-Event", "ping")
	const challenge = "/hooks/demo/meta?hub.mode=subscribe&hub.challenge=77&hub.verify_token="
	form := httptest.NewRequest(http.MethodPost, "/hooks/demo/slack", strings.NewReader("ssl_check=1&token=x"))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, tt := range map[string]struct {
		request *http.Request
		status  int
		body    string
	}{
		"slack challenge":   {signed(t, "slack", "signing", `{"type":"url_verification","challenge":"abc"}`), 200, "abc"},
		"slack ssl_check":   {form, 200, ""},
		"unsigned slack":    {httptest.NewRequest(http.MethodPost, "/hooks/demo/slack", strings.NewReader(`{"type":"url_verification","challenge":"abc"}`)), 401, ""},
		"line verify":       {signed(t, "line", "channel", `{"events":[]}`), 200, "{}"},
		"github ping":       {ping, 200, "pong"},
		"meta challenge":    {httptest.NewRequest(http.MethodGet, challenge+"verify-token", nil), 200, "77"},
		"meta, wrong token": {httptest.NewRequest(http.MethodGet, challenge+"guess", nil), 403, ""},
		"meta, other GET":   {httptest.NewRequest(http.MethodGet, "/hooks/demo/meta", nil), 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := send(t, h, tt.request)
			require.Equal(t, tt.status, w.Code)
			require.False(t, p.reached)
			if tt.status < 400 {
				require.Equal(t, tt.body, w.Body.String())
			}
		})
	}
}

// TestLargeUnsignedBodyIsNotRead: only small ones can be a platform's probe.
func TestLargeUnsignedBodyIsNotRead(t *testing.T) {
	t.Parallel()
	h := load(t, &Handler{Platform: "slack", Platforms: map[string]*PlatformConfig{"slack": {Files: []string{writeFile(t, "signing")}}}})
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(unreadable{t}))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.ContentLength = maxProbeSize + 1
	w, _ := send(t, h, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

func TestChangedSecretFileIsUsed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(oldSecret), 0o600))
	h := load(t, &Handler{Platform: "github", Platforms: map[string]*PlatformConfig{"github": {Files: []string{path}}}})
	_, p := send(t, h, signed(t, "github", oldSecret, `{}`))
	require.True(t, p.reached)
	require.NoError(t, os.WriteFile(path, []byte(githubSecret), 0o600))
	require.Eventually(t, func() bool {
		_, p := send(t, h, signed(t, "github", githubSecret, `{}`))
		return p.reached
	}, time.Minute, 20*time.Millisecond)
	_, p = send(t, h, signed(t, "github", oldSecret, `{}`))
	require.False(t, p.reached)
}

// guarded locks an address out of the handler for ten minutes after three failures.
func guarded(t *testing.T, h *Handler) *Handler {
	t.Helper()
	var err error
	h.guard, err = lockout.Acquire(t.Name(), lockout.Config{
		Failures: 3, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(10 * time.Minute),
	}, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return h
}

// TestGuessedVerifyTokensAreRefusals like any other: counted, and locked out.
func TestGuessedVerifyTokensAreRefusals(t *testing.T) {
	t.Parallel()
	h := guarded(t, load(t, &Handler{Platform: "meta", Platforms: map[string]*PlatformConfig{
		"meta": {Files: []string{writeFile(t, "app")}, Options: map[string]string{"verify_token": "right-token"}},
	}}))
	subscribe := func(token string) int {
		w, _ := send(t, h, httptest.NewRequest(http.MethodGet, "/hooks/demo/meta?hub.mode=subscribe&hub.challenge=7&hub.verify_token="+token, nil))
		return w.Code
	}
	refused := requestsTotal.WithLabelValues("meta", outcomeBadProbe)
	before := testutil.ToFloat64(refused)
	require.Equal(t, http.StatusOK, subscribe("right-token"))
	for range 3 {
		require.Equal(t, http.StatusForbidden, subscribe("guess"))
	}
	require.GreaterOrEqual(t, testutil.ToFloat64(refused), before+3)
	require.Equal(t, http.StatusTooManyRequests, subscribe("right-token"))
}

func TestLockout(t *testing.T) {
	t.Parallel()
	h := guarded(t, load(t, &Handler{
		Platform: "github", Platforms: map[string]*PlatformConfig{"github": {Files: []string{writeFile(t, githubSecret)}}},
	}))
	for range 3 {
		w, _ := send(t, h, signed(t, "github", "guess", `{}`))
		require.Equal(t, http.StatusUnauthorized, w.Code)
	}
	r := signed(t, "github", githubSecret, `{}`)
	r.Body = io.NopCloser(unreadable{t})
	w, p := send(t, h, r)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "600", w.Header().Get("Retry-After"))
	require.False(t, p.reached)
}

// TestPagesLockNobodyOut has a page in the browser of somebody at the platform's address send rubbish.
func TestPagesLockNobodyOut(t *testing.T) {
	t.Parallel()
	h := guarded(t, load(t, &Handler{
		Platform: "github", Platforms: map[string]*PlatformConfig{"github": {Files: []string{writeFile(t, githubSecret)}}},
	}))
	for range 5 {
		r := signed(t, "github", "guess", `{}`)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w, _ := send(t, h, r)
		require.Equal(t, http.StatusForbidden, w.Code)
	}
	_, p := send(t, h, signed(t, "github", githubSecret, `{}`))
	require.True(t, p.reached)
}

// connector is a fake of the Bot Framework's identity provider.
type connector struct {
	*httptest.Server
	key *rsa.PrivateKey
	id  string
}

func newConnector(t *testing.T) *connector {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	c := &connector{key: key, id: "k1"}
	mux := http.NewServeMux()
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"x","jwks_uri":"`+c.URL+`/keys"}`)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(c.keySet(t)) })
	return c
}

func (c *connector) keySet(t *testing.T) []byte {
	t.Helper()
	raw, err := (&jose.JSONWebKey{Key: c.key.Public(), KeyID: c.id, Use: "sig"}).MarshalJSON()
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(raw, &members))
	members["endorsements"] = []string{"msteams"}
	raw, err = json.Marshal(map[string]any{"keys": []any{members}})
	require.NoError(t, err)
	return raw
}

func (c *connector) request(t *testing.T, keyID string) *http.Request {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": "https://api.botframework.com", "aud": "app", "exp": time.Now().Add(time.Hour).Unix(), "serviceurl": "https://smba.example/",
	})
	token.Header["kid"] = keyID
	text, err := token.SignedString(c.key)
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"type":"message","id":"1","channelId":"msteams","serviceUrl":"https://smba.example/","from":{"id":"u"},"conversation":{"id":"c"}}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+text)
	return r
}

func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	c := newConnector(t)
	h := load(t, &Handler{Platform: "botframework", Platforms: map[string]*PlatformConfig{
		"botframework": {Options: map[string]string{"app_id": "app", "metadata": c.URL + "/metadata"}},
	}})
	w, p := send(t, h, c.request(t, "k1"))
	require.True(t, p.reached, w.Body)
	require.Equal(t, []string{"botframework.message", "u", "c", "c message 1"},
		[]string{p.get("http.bot.type"), p.get("http.bot.user"), p.get("http.bot.order_key"), p.get("http.bot.delivery_key")})

	c.id = "k2"
	_, p = send(t, h, c.request(t, "k2"))
	require.True(t, p.reached, "the request that meets a rotation is served")
	w, p = send(t, h, c.request(t, "k1"))
	require.False(t, p.reached, "a removed key stops working")
	require.Equal(t, http.StatusUnauthorized, w.Code)
}

// TestUnknownKeysLockNobodyOut: somebody else's invented key ids may be all that is between a rotation and
// the gateway.
func TestUnknownKeysLockNobodyOut(t *testing.T) {
	t.Parallel()
	c := newConnector(t)
	h := guarded(t, load(t, &Handler{Platform: "botframework", Platforms: map[string]*PlatformConfig{
		"botframework": {Options: map[string]string{"app_id": "app", "metadata": c.URL + "/metadata"}},
	}}))
	for refused := 0; refused != http.StatusServiceUnavailable; {
		w, _ := send(t, h, c.request(t, "bogus"))
		refused = w.Code
		require.Contains(t, []int{401, 503}, refused)
	}
	_, p := send(t, h, c.request(t, "k1"))
	require.True(t, p.reached)
	c.id = "k2"
	require.Eventually(t, func() bool {
		_, p := send(t, h, c.request(t, "k2"))
		return p.reached
	}, time.Minute, 20*time.Millisecond)
}

func TestUnavailableKeysAreNoRefusal(t *testing.T) {
	t.Parallel()
	c := newConnector(t)
	h := load(t, &Handler{Platform: "botframework", Platforms: map[string]*PlatformConfig{
		"botframework": {Options: map[string]string{"app_id": "app", "metadata": c.URL + "/nothing"}},
	}})
	w, p := send(t, h, c.request(t, "k1"))
	require.False(t, p.reached)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
}
