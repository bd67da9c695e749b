package botjwt

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/revocation"
	"github.com/botgate/botgate/modules/internal/lockout"
)

// through sends a request through the handler and returns it as the next handler saw it.
func through(t *testing.T, h *Handler, r *http.Request) (*httptest.ResponseRecorder, *http.Request) {
	t.Helper()
	w := httptest.NewRecorder()
	var seen *http.Request
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.1")
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		seen = r
		return nil
	})))
	return w, seen
}

func withKey(t *testing.T, h Handler) *Handler {
	t.Helper()
	h.Keys = []KeyConfig{{Algorithm: "HS256", Value: string(ring().secret)}}
	return load(t, &h)
}

func TestSources(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{Sources: []SourceConfig{{In: inHeader}, {In: inCookie, Name: "session"}, {In: inQuery, Name: "access_token"}}})
	token := sign(t, "HS256", nil, fresh(nil))
	request := func(query, cookie, header string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/v1/events?a=1&"+query+"&b=%20", nil)
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		}
		if header != "" {
			r.Header.Set("Authorization", "Bearer "+header)
		}
		return r
	}
	for name, r := range map[string]*http.Request{
		"header": request("", "", token), "cookie": request("", token, ""), "query": request("access_token="+token, "", ""),
		"escaped name": request("access%5Ftoken="+token, "", ""),
	} {
		_, seen := through(t, h, r)
		require.NotNil(t, seen, name)
		require.NotContains(t, seen.URL.String()+seen.RequestURI, token, name)
		require.Contains(t, seen.URL.RawQuery, "b=%20", name)
	}
	for name, r := range map[string]*http.Request{
		"header and cookie": request("", token, token), "cookie and query": request("access_token="+token, token, ""),
		"query twice": request("access_token="+token+"&access_token="+token, "", ""),
	} {
		w, seen := through(t, h, r)
		require.Nil(t, seen, name)
		require.Equal(t, http.StatusBadRequest, w.Code, name)
		require.Contains(t, w.Header().Get("WWW-Authenticate"), `error="invalid_request"`, name)
	}
	w, _ := through(t, withKey(t, Handler{}), request("access_token="+token, token, ""))
	require.Equal(t, http.StatusUnauthorized, w.Code, "only the header counts by default")
}

func TestClaimHeaders(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{ClaimHeaders: map[string]string{"X-User": "sub", "X-Tenant": "tenant", "X-Roles": "roles", "X-Note": "note"}})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, name := range []string{"X-User", "x-tenant", "X-Roles", "X-Note"} {
		r.Header.Set(name, "forged")
	}
	r.Header.Set("Authorization", "Bearer "+sign(t, "HS256", nil, fresh(jwt.MapClaims{"roles": []string{"a"}, "note": "a\r\nX-Admin: 1"})))
	_, seen := through(t, h, r)
	require.Equal(t, []string{"ada", "", `["a"]`, ""}, []string{seen.Header.Get("X-User"), seen.Header.Get("X-Tenant"), seen.Header.Get("X-Roles"), seen.Header.Get("X-Note")})
	require.Empty(t, seen.Header.Values("X-Tenant"))
	require.Equal(t, []string{""}, seen.Header.Values("X-Note"), "a claim that can't be sent is not one that is missing")
}

// TestBotIsAlwaysSent: the upstream learns of each token for which bots it is, whatever the caller sends under that
// name, and whatever the claim holds.
func TestBotIsAlwaysSent(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{})
	own := withKey(t, Handler{BotClaim: "tenant_bot"})
	for name, tt := range map[string]struct {
		claim any
		want  string
	}{
		"a bot": {"demo", "demo"}, "null": {json.RawMessage("null"), ""}, "empty": {"", ""}, "star": {"*", ""}, "list": {[]string{"demo"}, ""},
		"number": {0, ""}, "bool": {true, ""}, "space before": {" demo", ""}, "space behind": {"demo ", ""},
	} {
		for claim, h := range map[string]*Handler{"bot": h, "tenant_bot": own} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header["X-Botgate-Bot"] = []string{"*", "demo"}
			r.Header.Set("Connection", "X-Botgate-Bot")
			all := fresh(nil)
			all[claim] = tt.claim
			r.Header.Set("Authorization", "Bearer "+sign(t, "HS256", nil, all))
			_, seen := through(t, h, r)
			require.NotNil(t, seen, name)
			require.Equal(t, []string{tt.want}, seen.Header["X-Botgate-Bot"], name)
			require.NotContains(t, seen.Header.Get("Connection"), "Botgate", name)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+sign(t, "HS256", nil, fresh(nil)))
	_, seen := through(t, h, r)
	require.Equal(t, []string{"*"}, seen.Header["X-Botgate-Bot"])
}

// TestRequireBot has a route for one bot, by name and by placeholder.
func TestRequireBot(t *testing.T) {
	t.Parallel()
	for bot, want := range map[any]int{"demo": 200, nil: 200, "other": 403, "": 403, "*": 403} {
		for _, required := range []string{"demo", "{http.request.uri.query.bot}"} {
			h := withKey(t, Handler{RequireBot: required})
			r := httptest.NewRequest(http.MethodGet, "/?bot=demo", nil)
			r.Header.Set("Authorization", "Bearer "+sign(t, "HS256", nil, fresh(jwt.MapClaims{"bot": bot})))
			w, seen := through(t, h, r)
			require.Equal(t, want, w.Code, "%v", bot)
			require.Equal(t, want == 200, seen != nil)
			if want == 403 {
				require.Contains(t, w.Body.String(), "other-bot")
			}
		}
	}
	h := withKey(t, Handler{RequireBot: "{http.request.uri.query.bot}"})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+sign(t, "HS256", nil, fresh(jwt.MapClaims{"bot": "demo"})))
	w, _ := through(t, h, r)
	require.Equal(t, 403, w.Code, "a route of no bot is for tokens of all bots")
}

// TestClaimHeadersAreNotDroppedOnTheWay lists claim headers as those of one connection, which
// reverse_proxy does not send upstream.
func TestClaimHeadersAreNotDroppedOnTheWay(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{ClaimHeaders: map[string]string{"X-User": "sub"}})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Connection"] = []string{"keep-alive, x-user ,close", "X-USER"}
	r.Header.Set("Authorization", "Bearer "+sign(t, "HS256", nil, fresh(nil)))
	_, seen := through(t, h, r)
	require.Equal(t, []string{"keep-alive,close", ""}, seen.Header["Connection"])
	require.Equal(t, "ada", seen.Header.Get("X-User"))
}

func TestRequiredClaims(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{RequireClaims: map[string][]string{"tenant": {"a", "b"}, "verified": {"true"}, "org": {"any"}}})
	for name, tt := range map[string]struct {
		changes jwt.MapClaims
		want    bool
	}{
		"all":             {jwt.MapClaims{"tenant": "b", "verified": true, "org": 7}, true},
		"in an array":     {jwt.MapClaims{"tenant": []string{"x", "a"}, "verified": true, "org": "o"}, true},
		"another value":   {jwt.MapClaims{"tenant": "c", "verified": true, "org": "o"}, false},
		"missing":         {jwt.MapClaims{"verified": true, "org": "o"}, false},
		"null":            {jwt.MapClaims{"tenant": "a", "verified": true}, false},
		"not verified":    {jwt.MapClaims{"tenant": "a", "verified": false, "org": "o"}, false},
		"an object":       {jwt.MapClaims{"tenant": map[string]any{"a": "a"}, "verified": true, "org": "o"}, false},
		"an empty array":  {jwt.MapClaims{"tenant": []string{}, "verified": true, "org": "o"}, false},
		"array of arrays": {jwt.MapClaims{"tenant": [][]string{{"a"}}, "verified": true, "org": "o"}, false},
	} {
		_, p := send(t, h, "Bearer "+sign(t, "HS256", nil, fresh(tt.changes)))
		require.Equal(t, tt.want, p.reached, name)
	}
}

func TestExpiryCanBeOptional(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{AllowNoExpiry: true})
	forever := "Bearer " + sign(t, "HS256", nil, claims(jwt.MapClaims{"exp": nil}))
	for range 2 {
		_, p := send(t, h, forever)
		require.True(t, p.reached)
	}
	_, p := send(t, h, "Bearer "+sign(t, "HS256", nil, claims(nil)))
	require.False(t, p.reached, "one that is there counts")
}

// TestCachedTokenExpires turns the clock while the token is in the cache.
func TestCachedTokenExpires(t *testing.T) {
	t.Parallel()
	clock := time.Unix(now, 0)
	c := config(t)
	c.CacheSize, c.Now = 10, func() time.Time { return clock }
	v := verifierOf(t, c)
	token := sign(t, "HS256", nil, claims(nil))
	for range 2 {
		got, err := v.Verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, "ada", got.User)
	}
	clock = time.Unix(now+60+29, 0)
	_, err := v.Verify(t.Context(), token)
	require.NoError(t, err)
	clock = time.Unix(now+60+30, 0)
	_, err = v.Verify(t.Context(), token)
	require.ErrorIs(t, err, reasonExpired)
}

// guarded locks an address out of the handler for ten minutes after so many failures.
func guarded(t *testing.T, h *Handler, failures int) *Handler {
	t.Helper()
	var err error
	h.guard, err = lockout.Acquire(t.Name(), lockout.Config{
		Failures: failures, Window: caddy.Duration(time.Minute), Duration: caddy.Duration(10 * time.Minute),
	}, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return h
}

func TestLockout(t *testing.T) {
	t.Parallel()
	h := guarded(t, load(t, &Handler{IssuerConfig: IssuerConfig{
		Keys: []KeyConfig{{Algorithm: "HS256", Value: string(ring().secret), KID: "current"}},
	}}), 3)
	request := func(token string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", io.NopCloser(http.NoBody))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return r
	}
	good := sign(t, "HS256", nil, fresh(nil))
	for range 5 {
		w, _ := through(t, h, request(""))
		require.Equal(t, http.StatusUnauthorized, w.Code, "no token is no attempt")
	}
	for range 5 {
		w, _ := through(t, h, request(sign(t, "HS256", map[string]any{"kid": "rotated"}, fresh(nil))))
		require.Equal(t, http.StatusUnauthorized, w.Code, "a key that is not known yet is no failure")
	}
	for range 3 {
		w, _ := through(t, h, request(good+"x"))
		require.Equal(t, http.StatusUnauthorized, w.Code)
	}
	w, seen := through(t, h, request(good))
	require.Nil(t, seen)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.Equal(t, "600", w.Header().Get("Retry-After"))
}

func BenchmarkCachedToken(b *testing.B) {
	c := config(b)
	c.Scopes, c.CacheSize = []string{"a"}, 1000
	v := verifierOf(b, c)
	token := sign(b, "RS256", nil, claims(jwt.MapClaims{"scope": "a b"}))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	store := revocation.NewFile(filepath.Join(t.TempDir(), revocation.FileName))
	h := withKey(t, Handler{})
	h.revoked = revocation.Follow(store, 5*time.Millisecond, slog.New(slog.DiscardHandler))
	h.release = h.revoked.Close
	token := func(jti, sub string, age time.Duration) string {
		return "Bearer " + sign(t, "HS256", nil, fresh(jwt.MapClaims{"jti": jti, "sub": sub, "iat": time.Now().Add(-age).Unix()}))
	}
	one, ada, eve := token("one", "bob", 0), token("two", "ada", time.Hour), token("three", "eve", time.Hour)
	for _, good := range []string{one, ada, eve} {
		requireStatus(t, 200, h, good)
	}
	until := time.Now().Add(time.Hour)
	require.NoError(t, store.Revoke(t.Context(), revocation.Entry{JTI: "one", Until: until},
		revocation.Entry{Subject: "ada", Before: time.Now().Add(-time.Minute), Until: until}))
	require.Eventually(t, func() bool { _, p := send(t, h, one); return !p.reached }, time.Minute, time.Millisecond)
	requireStatus(t, 401, h, ada)
	requireStatus(t, 200, h, eve)
	requireStatus(t, 200, h, token("four", "ada", 0))
}

func TestUnknownRevocationsAreNoRefusal(t *testing.T) {
	t.Parallel()
	h := withKey(t, Handler{})
	h.revoked = revocation.Follow(revocation.NewFile(t.TempDir()), time.Hour, slog.New(slog.DiscardHandler))
	h.release = h.revoked.Close
	w, p := send(t, h, "Bearer "+sign(t, "HS256", nil, fresh(nil)))
	require.False(t, p.reached)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
}
