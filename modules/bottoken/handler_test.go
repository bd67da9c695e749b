package bottoken

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/problem"
)

// requireToken checks an answer with a token, and the token as an API would with the keys
// that are served.
func requireToken(t *testing.T, h *Handler, w *httptest.ResponseRecorder) (jwt.MapClaims, tokenReply) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "no-cache", w.Header().Get("Pragma"))
	var reply tokenReply
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &reply))
	keys, _ := send(t, h, "192.0.2.1", httptest.NewRequest(http.MethodGet, keysPath, nil))
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(keys.Body.Bytes(), &set))
	claims := jwt.MapClaims{}
	token, err := jwt.ParseWithClaims(reply.AccessToken, claims, func(token *jwt.Token) (any, error) {
		found := set.Key(token.Header["kid"].(string))
		require.Len(t, found, 1)
		return found[0].Key.(ed25519.PublicKey), nil
	}, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer("https://bots.example"), jwt.WithAudience("botgate"),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	require.NoError(t, err)
	require.Equal(t, "at+jwt", token.Header["typ"])
	return claims, reply
}

func TestToken(t *testing.T) {
	t.Parallel()
	h := handler(t)
	w, repl := send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
	claims, reply := requireToken(t, h, w)
	require.Equal(t, tokenReply{reply.AccessToken, "Bearer", 600, "commands:write events:read"}, reply)
	issued, err := claims.GetIssuedAt()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), issued.Time, time.Minute)
	id, err := uuid.Parse(claims["jti"].(string))
	require.NoError(t, err)
	require.Equal(t, uuid.Version(7), id.Version())
	require.Equal(t, jwt.MapClaims{
		"iss": "https://bots.example", "aud": "botgate", "sub": "build-server", "client_id": "ci",
		"scope": "commands:write events:read", "bot": "demo",
		"iat": claims["iat"], "exp": claims["iat"].(float64) + 600, "jti": claims["jti"],
	}, claims)
	user, _ := repl.GetString("http.auth.user.id")
	require.Equal(t, "build-server", user)

	again, _ := send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
	others, _ := requireToken(t, h, again)
	require.NotEqual(t, claims["jti"], others["jti"])
}

func TestScopes(t *testing.T) {
	t.Parallel()
	h := handler(t)
	for asked, want := range map[string]any{"&scope=events:read": "events:read", "&scope=": "commands:write events:read"} {
		w, _ := send(t, h, "192.0.2.1", ask("ci", ciSecret2, asked))
		claims, reply := requireToken(t, h, w)
		require.Equal(t, []any{want, want}, []any{claims["scope"], reply.Scope})
	}
	w, _ := send(t, h, "192.0.2.1", ask("idle", "s3cret-of-idle", ""))
	claims, _ := requireToken(t, h, w)
	require.NotContains(t, claims, "scope")
	require.NotContains(t, w.Body.String(), `"scope"`)
	require.Equal(t, "idle", claims["sub"])
}

func TestCredentialsInTheForm(t *testing.T) {
	t.Parallel()
	h := handler(t)
	r := ask("", "", "&client_id=ci&client_secret="+ciSecret)
	r.Header.Del("Authorization")
	w, _ := send(t, h, "192.0.2.1", r)
	requireToken(t, h, w)
}

func TestOAuthErrors(t *testing.T) {
	t.Parallel()
	changed := func(change func(*http.Request)) *http.Request {
		r := ask("ci", ciSecret, "")
		change(r)
		return r
	}
	tests := map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"wrong secret":   {ask("ci", "guess", ""), 401, "invalid_client"},
		"unknown client": {ask("other", "guess", ""), 401, "invalid_client"},
		"no credentials": {changed(func(r *http.Request) { r.Header.Del("Authorization") }), 401, "invalid_client"},
		"in the address": {changed(func(r *http.Request) {
			r.Header.Del("Authorization")
			r.URL.RawQuery = "client_id=ci&client_secret=" + ciSecret
		}), 401, "invalid_client"},
		"another scope":   {ask("ci", ciSecret, "&scope=events:read+admin"), 400, "invalid_scope"},
		"scope of others": {ask("idle", "s3cret-of-idle", "&scope=events:read"), 400, "invalid_scope"},
		"two ways":        {ask("ci", ciSecret, "&client_secret="+ciSecret), 400, "invalid_request"},
		"another grant":   {changed(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("grant_type=password")) }), 400, "unsupported_grant_type"},
	}
	h := handler(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, repl := send(t, h, "192.0.2.1", tt.request)
			require.Equal(t, tt.status, w.Code)
			var got oauthError
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			require.Equal(t, tt.code, got.Code)
			require.NotEmpty(t, got.Description)
			require.Equal(t, []string{"application/json", "no-store"}, []string{w.Header().Get("Content-Type"), w.Header().Get("Cache-Control")})
			require.Equal(t, tt.status == 401, w.Header().Get("WWW-Authenticate") == `Basic realm="botgate"`)
			user, _ := repl.GetString("http.auth.user.id")
			require.Equal(t, tt.code == "invalid_scope", user != "", "the user is known once the secret is good")
		})
	}
	one, _ := send(t, h, "192.0.2.1", ask("ci", "guess", ""))
	two, _ := send(t, h, "192.0.2.1", ask("other", "guess", ""))
	require.Equal(t, one.Body.String(), two.Body.String(), "nobody learns which clients there are")
}

func TestProblems(t *testing.T) {
	t.Parallel()
	with := func(body io.Reader) *http.Request {
		r := ask("ci", ciSecret, "")
		r.Body, r.ContentLength = io.NopCloser(body), -1
		return r
	}
	asJSON := ask("ci", ciSecret, "")
	asJSON.Header.Set("Content-Type", "application/json")
	tests := map[string]struct {
		request     *http.Request
		status      int
		slug, allow string
	}{
		"GET":             {httptest.NewRequest(http.MethodGet, "/oauth/token", nil), 405, "method-not-allowed", "POST"},
		"POST to keys":    {httptest.NewRequest(http.MethodPost, keysPath, nil), 405, "method-not-allowed", "GET, HEAD"},
		"not a form":      {asJSON, 415, "unsupported-type", ""},
		"too large":       {ask("ci", ciSecret, "&a="+strings.Repeat("a", maxBody)), 413, "too-large", ""},
		"too large later": {with(strings.NewReader(strings.Repeat("a", maxBody+1))), 413, "too-large", ""},
		"broken off":      {with(iotest.ErrReader(io.ErrUnexpectedEOF)), 400, "malformed", ""},
	}
	h := handler(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := send(t, h, "192.0.2.1", tt.request)
			requireProblem(t, w, tt.status, tt.slug)
			require.Equal(t, tt.allow, w.Header().Get("Allow"))
		})
	}
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, slug string) {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
	var got problem.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, slug, got.Slug())
}

func TestKeys(t *testing.T) {
	t.Parallel()
	h := handler(t)
	w, _ := send(t, h, "192.0.2.1", httptest.NewRequest(http.MethodGet, keysPath, nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/jwk-set+json", w.Header().Get("Content-Type"))
	require.Equal(t, "public, max-age=900", w.Header().Get("Cache-Control"))
	require.Len(t, publishedIDs(t, w.Body.Bytes()), 1)
	require.NotContains(t, w.Body.String(), `"d"`)
	head, _ := send(t, h, "192.0.2.1", httptest.NewRequest(http.MethodHead, keysPath, nil))
	require.Equal(t, w.Header(), head.Header())
}

func TestLockout(t *testing.T) {
	t.Parallel()
	h := strictHandler(t, 3)
	code := func(address, id, secret string) int {
		w, _ := send(t, h, address, ask(id, secret, ""))
		return w.Code
	}
	for range 3 {
		require.Equal(t, 401, code("192.0.2.1", "ci", "guess"))
	}
	locked, _ := send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
	requireProblem(t, locked, http.StatusTooManyRequests, "locked-out")
	require.Regexp(t, `^3[567]\d\d$`, locked.Header().Get("Retry-After"))
	require.Equal(t, 200, code("192.0.2.2", "ci", ciSecret), "another address")
	require.Equal(t, 200, code("192.0.2.1", "idle", "s3cret-of-idle"), "another client of the address")

	for _, id := range []string{"a", "b", "c", "d"} {
		for range 3 {
			require.Equal(t, 401, code("192.0.2.1", id, "guess"))
		}
	}
	require.Equal(t, 429, code("192.0.2.1", "idle", "s3cret-of-idle"), "it tries one client after the other")
	require.Equal(t, 200, code("192.0.2.2", "idle", "s3cret-of-idle"))
}

// TestPagesLockNobodyOut has a page in the browser of somebody at a client's address send rubbish.
func TestPagesLockNobodyOut(t *testing.T) {
	t.Parallel()
	h := strictHandler(t, 3)
	for range 20 {
		r := ask("ci", "wrong", "")
		r.Header.Set("Origin", "https://evil.example")
		w, _ := send(t, h, "192.0.2.1", r)
		requireProblem(t, w, http.StatusForbidden, "cross-origin")
	}
	w, _ := send(t, h, "192.0.2.1", ask("ci", "wrong", ""))
	require.Equal(t, http.StatusUnauthorized, w.Code, "it is looked at")
}

func TestBusy(t *testing.T) {
	t.Parallel()
	h := handler(t)
	w, _ := send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
	require.Equal(t, http.StatusOK, w.Code)
	h.hashes = newHashLimit(0)
	w, _ = send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
	require.Equal(t, http.StatusOK, w.Code, "the secret is remembered")
	w, _ = send(t, h, "192.0.2.1", ask("ci", ciSecret2, ""))
	requireProblem(t, w, http.StatusServiceUnavailable, "tokens-busy")
	require.Equal(t, "2", w.Header().Get("Retry-After"))
}

// TestChangedClients also shows that remembered secrets do not outlive the change.
func TestChangedClients(t *testing.T) {
	t.Parallel()
	h := handler(t)
	w, _ := send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
	require.Equal(t, http.StatusOK, w.Code)
	require.NoError(t, os.WriteFile(h.ClientsFile, []byte(`[]`), 0o600))
	require.Eventually(t, func() bool {
		w, _ := send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
		return w.Code == http.StatusUnauthorized
	}, time.Minute, 20*time.Millisecond)
}

// TestMetrics is not parallel: the counters belong to the process.
func TestMetrics(t *testing.T) {
	h := handler(t)
	for outcome, r := range map[string]*http.Request{
		outcomeIssued: ask("ci", ciSecret, ""), outcomeBadCredentials: ask("ci", "guess", ""),
		outcomeMethod: httptest.NewRequest(http.MethodGet, "/oauth/token", nil),
	} {
		counter := requestsTotal.WithLabelValues(outcome)
		before := testutil.ToFloat64(counter)
		send(t, h, "192.0.2.1", r)
		require.InDelta(t, before+1, testutil.ToFloat64(counter), 0, outcome)
	}
}

// BenchmarkToken is what a busy client costs, whose secret is remembered.
func BenchmarkToken(b *testing.B) {
	h := handler(b)
	for range 2 {
		w, _ := send(b, h, "192.0.2.1", ask("ci", ciSecret, ""))
		require.Equal(b, http.StatusOK, w.Code)
	}
	b.ReportAllocs()
	for b.Loop() {
		send(b, h, "192.0.2.1", ask("ci", ciSecret, ""))
	}
}
