package botjwt

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/problem"
)

// fresh are the claims of a token that is good by the real clock.
func fresh(changes jwt.MapClaims) jwt.MapClaims {
	all := claims(changes)
	if _, ok := changes["exp"]; !ok {
		all["exp"] = time.Now().Add(time.Minute).Unix()
	}
	return all
}

// provision loads the handler as a configuration does.
func provision(t testing.TB, h *Handler) error {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		return err
	}
	return h.Validate()
}

func writeFile(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func handler(t testing.TB) *Handler {
	t.Helper()
	h := &Handler{
		IssuerConfig:  IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", File: writeFile(t, append(ring().secret, '\n'))}}},
		Issuers:       []string{"issuer"},
		RequireScopes: []string{"events:read", "events:write"},
	}
	return load(t, h)
}

// load provisions a handler and cleans it up after the test.
func load(t testing.TB, h *Handler) *Handler {
	t.Helper()
	require.NoError(t, provision(t, h))
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	return h
}

// passed is what the next handler saw.
type passed struct {
	reached bool
	repl    *caddy.Replacer
}

func (p passed) get(name string) string {
	value, _ := p.repl.GetString(name)
	return value
}

// send sends the handler a request with these Authorization headers.
func send(t testing.TB, h *Handler, authorization ...string) (*httptest.ResponseRecorder, passed) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Authorization"] = authorization
	var p passed
	p.repl = caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, p.repl, w, &caddyhttp.Server{})
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		p.reached = true
		return nil
	})))
	return w, p
}

func TestPasses(t *testing.T) {
	t.Parallel()
	h := handler(t)
	token := sign(t, "HS256", nil, fresh(jwt.MapClaims{
		"scope": "events:write events:read", "id": "somebody else", "tenant": 7, "roles": []string{"a"},
	}))
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER  "} {
		w, p := send(t, h, scheme+token)
		require.Equal(t, http.StatusOK, w.Code)
		require.True(t, p.reached)
		for name, want := range map[string]string{
			"http.auth.user.id": "ada", "http.auth.user.sub": "ada", "http.auth.user.tenant": "7",
			"http.auth.user.roles": `["a"]`, "http.bot.verified_by": "jwt",
		} {
			require.Equal(t, want, p.get(name), name)
		}
		_, ok := p.repl.Get("http.auth.user.absent")
		require.False(t, ok)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	h := handler(t)
	const scopes = "events:write events:read"
	good := sign(t, "HS256", nil, fresh(jwt.MapClaims{"scope": scopes}))
	const invalid = `Bearer realm="botgate", error="invalid_token"`
	tests := map[string]struct {
		authorization []string
		status        int
		slug, header  string
		detail        string
	}{
		"nothing":          {nil, 401, "missing-token", `Bearer realm="botgate"`, ""},
		"empty":            {[]string{""}, 401, "missing-token", `Bearer realm="botgate"`, ""},
		"another scheme":   {[]string{"Basic YTpi"}, 401, "missing-token", `Bearer realm="botgate"`, ""},
		"no scheme":        {[]string{good}, 401, "missing-token", `Bearer realm="botgate"`, ""},
		"no token":         {[]string{"Bearer"}, 401, "invalid-token", invalid, ""},
		"garbage":          {[]string{"Bearer x"}, 401, "invalid-token", invalid, ""},
		"two headers":      {[]string{"Bearer " + good, "Bearer " + good}, 400, "two-tokens", `Bearer realm="botgate", error="invalid_request"`, ""},
		"two tokens":       {[]string{"Bearer " + good + " " + good}, 401, "invalid-token", invalid, ""},
		"too large":        {[]string{"Bearer " + strings.Repeat("a", 8001)}, 401, "invalid-token", invalid, ""},
		"unsigned":         {[]string{"Bearer " + withAlgorithm(t, good, "none")}, 401, "invalid-token", invalid, ""},
		"expired":          {[]string{"Bearer " + sign(t, "HS256", nil, claims(nil))}, 401, "invalid-token", invalid, "The token has expired."},
		"of other issuer":  {[]string{"Bearer " + sign(t, "HS256", nil, fresh(jwt.MapClaims{"iss": "x"}))}, 401, "invalid-token", invalid, "The token's issuer is not trusted here."},
		"without a scope":  {[]string{"Bearer " + sign(t, "HS256", nil, fresh(jwt.MapClaims{"scope": "events:read"}))}, 403, "insufficient-scope", `Bearer realm="botgate", error="insufficient_scope", scope="events:read events:write"`, ""},
		"without any user": {[]string{"Bearer " + sign(t, "HS256", nil, fresh(jwt.MapClaims{"scope": scopes, "sub": nil}))}, 401, "invalid-token", invalid, "The token names no user."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, p := send(t, h, tt.authorization...)
			require.False(t, p.reached)
			require.Equal(t, tt.status, w.Code)
			require.Equal(t, tt.header, w.Header().Get("WWW-Authenticate"))
			require.Equal(t, problem.ContentType, w.Header().Get("Content-Type"))
			var got problem.Problem
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
			require.Equal(t, tt.slug, got.Slug())
			require.Equal(t, tt.detail, got.Detail)
			require.Empty(t, p.get("http.auth.user.id"))
			require.Empty(t, p.get("http.bot.verified_by"))
		})
	}
}

// TestMetrics is not parallel: the counter belongs to the process.
func TestMetrics(t *testing.T) {
	h := handler(t)
	before := testutil.ToFloat64(requestsTotal.WithLabelValues("expired"))
	_, p := send(t, h, "Bearer "+sign(t, "HS256", nil, claims(nil)))
	require.False(t, p.reached)
	require.InDelta(t, before+1, testutil.ToFloat64(requestsTotal.WithLabelValues("expired")), 0)
}

func TestKeysFromEnvironment(t *testing.T) {
	t.Setenv("BOTGATE_TEST_KEY", string(ring().public(t, "EdDSA")))
	h := &Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "EdDSA", Env: "BOTGATE_TEST_KEY"}}}}
	require.NoError(t, provision(t, h))
	_, p := send(t, h, "Bearer "+sign(t, "EdDSA", nil, fresh(nil)))
	require.True(t, p.reached)
}

func TestProvisionErrorsNameTheOption(t *testing.T) {
	t.Parallel()
	good := KeyConfig{Algorithm: "HS256", File: writeFile(t, ring().secret)}
	short := writeFile(t, []byte("s3cret"))
	negative := caddy.Duration(-time.Second)
	tests := map[string]struct {
		handler Handler
		want    string
	}{
		"no keys":                 {Handler{}, "option key: at least one is required"},
		"no place":                {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256"}}}}, "option key: exactly one of a file"},
		"two places":              {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", File: "a", Env: "b"}}}}, "option key: exactly one"},
		"no such file":            {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", File: short + "x"}}}}, "option key: reading a secret: open " + short + "x"},
		"no such env":             {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", Env: "BOTGATE_TEST_ABSENT"}}}}, "option key: environment variable BOTGATE_TEST_ABSENT"},
		"short secret":            {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", File: short}}}}, "option key: " + short + ": HS256 needs a secret of at least 32 bytes"},
		"no algorithm":            {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{File: short}}}}, `unknown algorithm ""`},
		"negative leeway":         {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}}, Leeway: &negative}, "option leeway"},
		"negative size":           {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}}, MaxTokenSize: -1}, "option max_token_size"},
		"quoted scope":            {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}}, RequireScopes: []string{`a"b`}}, "option require_scope"},
		"nothing in an issuer":    {Handler{Trusts: []*IssuerConfig{{Issuer: "i"}}}, "issuer i: option key: at least one is required"},
		"claim_header of the bot": {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", Value: strings.Repeat("k", 32)}}}, ClaimHeaders: map[string]string{"x-botgate-bot": "tenant"}}, "bot_claim"},
		"issuer without name":     {Handler{Trusts: []*IssuerConfig{{JWKS: "https://idp.example", Audiences: []string{"any"}}}}, "option issuer"},
		"plain http":              {Handler{Trusts: []*IssuerConfig{{Issuer: "i", JWKS: "http://idp.example", Audiences: []string{"any"}}}}, "option jwks: "},
		"issuer is no address":    {Handler{Trusts: []*IssuerConfig{{Issuer: "i", OIDC: true, Audiences: []string{"any"}}}}, "option oidc: "},
		"two kinds of keys":       {Handler{Trusts: []*IssuerConfig{{Issuer: "i", JWKS: "https://idp.example", Audiences: []string{"any"}, Keys: []KeyConfig{good}}}}, "option key: jwks or oidc is set too"},
		"unknown algorithm":       {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}, Algorithms: []string{"none"}}}, `option algorithms: unknown algorithm "none"`},
		"no key of algorithm":     {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}, Algorithms: []string{"RS256"}}}, "option algorithms: no key"},
		"not a JWK":               {Handler{IssuerConfig: IssuerConfig{JWKFiles: []string{short}}}, "option jwk_file: " + short},
		"source without a name":   {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}}, Sources: []SourceConfig{{In: "query"}}}, "option from"},
		"unknown source":          {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}}, Sources: []SourceConfig{{In: "body", Name: "x"}}}, "option from"},
		"joined scopes":           {Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{good}}, RequireScopes: []string{"a b"}}, "option require_scope"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := provision(t, &tt.handler)
			t.Cleanup(func() { require.NoError(t, tt.handler.Cleanup()) })
			require.ErrorContains(t, err, "bot_jwt: ")
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

// TestReload loads the module twice from JSON, as a reload does with both alive.
func TestReload(t *testing.T) {
	t.Parallel()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	require.NoError(t, err)
	raw, err := json.Marshal(Handler{IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", File: writeFile(t, ring().secret)}}}})
	require.NoError(t, err)
	for range 2 {
		module, err := ctx.LoadModuleByID("http.handlers.bot_jwt", raw)
		require.NoError(t, err)
		_, p := send(t, module.(*Handler), "Bearer "+sign(t, "HS256", nil, fresh(nil)))
		require.True(t, p.reached)
	}
}
