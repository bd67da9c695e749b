package botjwt

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// idp is a fake identity provider: its metadata and its keys.
type idp struct {
	*httptest.Server
	keys    atomic.Pointer[jose.JSONWebKeySet]
	fetches atomic.Int64
}

func newIDP(t *testing.T, keys ...jose.JSONWebKey) *idp {
	t.Helper()
	p := &idp{}
	p.publish(keys...)
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"`+p.URL+`","jwks_uri":"`+p.URL+`/keys"}`)
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		_ = json.NewEncoder(w).Encode(p.keys.Load())
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func (p *idp) publish(keys ...jose.JSONWebKey) { p.keys.Store(&jose.JSONWebKeySet{Keys: keys}) }

func privateJWK(algorithm, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: ring().private(algorithm), KeyID: id}
}

// public is the published form of a key.
func published(algorithm, id string) jose.JSONWebKey {
	key := privateJWK(algorithm, id)
	return key.Public()
}

func (p *idp) token(t *testing.T, algorithm, id string) string {
	t.Helper()
	return "Bearer " + sign(t, algorithm, map[string]any{"kid": id}, fresh(jwt.MapClaims{"iss": p.URL}))
}

func requireStatus(t *testing.T, want int, h *Handler, authorization string) {
	t.Helper()
	w, p := send(t, h, authorization)
	if want == http.StatusOK {
		require.True(t, p.reached, w.Body)
		return
	}
	require.False(t, p.reached)
	require.Equal(t, want, w.Code, w.Body)
}

func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, published("RS256", "one"))
	for name, config := range map[string]*IssuerConfig{
		"oidc": {Issuer: provider.URL, OIDC: true, Audiences: []string{"any"}},
		"jwks": {Issuer: provider.URL, JWKS: provider.URL + "/keys", Audiences: []string{"any"}},
	} {
		provider.publish(published("RS256", "one"))
		h := load(t, &Handler{Trusts: []*IssuerConfig{config}})
		requireStatus(t, 200, h, provider.token(t, "RS256", "one"))
		requireStatus(t, 200, h, provider.token(t, "PS512", "one"))
		requireStatus(t, 401, h, provider.token(t, "ES256", "one"))

		provider.publish(published("ES256", "two"), published("EdDSA", "three"))
		requireStatus(t, 200, h, provider.token(t, "ES256", "two"))
		requireStatus(t, 200, h, provider.token(t, "EdDSA", "three"))
		requireStatus(t, 401, h, provider.token(t, "RS256", "one"))
		require.NotEmpty(t, name)
	}
}

// TestRemovedKeyEndsCachedTokens: what was verified once is not when its key is gone.
func TestRemovedKeyEndsCachedTokens(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, published("ES256", "one"))
	h := load(t, &Handler{Trusts: []*IssuerConfig{{Issuer: provider.URL, OIDC: true, Audiences: []string{"any"}}}})
	token := provider.token(t, "ES256", "one")
	requireStatus(t, 200, h, token)
	requireStatus(t, 200, h, token)
	provider.publish(published("ES384", "two"))
	requireStatus(t, 200, h, provider.token(t, "ES384", "two"))
	requireStatus(t, 401, h, token)
}

// TestBogusKeyIDs neither flood the provider nor lock anybody out, and during a rotation a good token is
// never refused for good: 503 says that the gateway does not know yet.
func TestBogusKeyIDs(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, published("ES256", "one"))
	h := guarded(t, load(t, &Handler{Trusts: []*IssuerConfig{{Issuer: provider.URL, OIDC: true, Audiences: []string{"any"}}}}), 1)
	requireStatus(t, 200, h, provider.token(t, "ES256", "one"))
	for refused := 0; refused != http.StatusServiceUnavailable; {
		w, _ := send(t, h, provider.token(t, "ES256", "bogus"))
		refused = w.Code
		require.Contains(t, []int{401, 503}, refused)
	}
	require.LessOrEqual(t, provider.fetches.Load(), int64(1+3))
	provider.publish(published("ES256", "two"))
	require.Eventually(t, func() bool {
		w, p := send(t, h, provider.token(t, "ES256", "two"))
		if !p.reached {
			require.Equal(t, []string{"503", "5"}, []string{strconv.Itoa(w.Code), w.Header().Get("Retry-After")})
		}
		return p.reached
	}, time.Minute, 20*time.Millisecond)
}

// TestWhoIsLockedOutDuringRotations is who sends what the keys at hand decide, and not who sends a token of keys to
// come, whatever their algorithm.
func TestWhoIsLockedOutDuringRotations(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		algorithm, id string
		why           reason
		locked        bool
	}{
		"key to come":                   {"RS256", "two", reasonUnknownKey, false},
		"key of another algorithm":      {"ES256", "two", reasonUnknownKey, false},
		"key of a third algorithm":      {"EdDSA", "two", reasonUnknownKey, false},
		"algorithm that the key is not": {"ES256", "one", reasonUnknownAlgorithm, true},
		"secret for the public key":     {"HS256", "one", reasonUnknownAlgorithm, true},
		"algorithm of no key":           {"none", "two", reasonUnknownAlgorithm, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := newIDP(t, published("RS256", "one"))
			h := guarded(t, load(t, &Handler{Trusts: []*IssuerConfig{{Issuer: provider.URL, OIDC: true, Audiences: []string{"any"}}}}), 1)
			good := provider.token(t, "RS256", "one")
			requireStatus(t, 200, h, good)
			header := map[string]any{"kid": tt.id, "alg": tt.algorithm}
			signer := tt.algorithm
			if signer == "none" {
				signer = "HS256"
			}
			bad := sign(t, signer, header, fresh(jwt.MapClaims{"iss": provider.URL}))
			_, err := h.verifier.Verify(t.Context(), bad)
			require.ErrorIs(t, err, tt.why)
			for range 5 { // Later ones find out nothing.
				_, p := send(t, h, "Bearer "+bad)
				require.False(t, p.reached)
			}
			if tt.locked {
				requireStatus(t, 429, h, good)
			} else {
				requireStatus(t, 200, h, good)
			}
		})
	}
}

// TestProviderThatIsDownLocksNobodyOut: a key that can't be looked for says nothing about the token.
func TestProviderThatIsDownLocksNobodyOut(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, published("ES256", "one"))
	h := guarded(t, load(t, &Handler{Trusts: []*IssuerConfig{{Issuer: provider.URL, OIDC: true, Audiences: []string{"any"}}}}), 1)
	requireStatus(t, 200, h, provider.token(t, "ES256", "one"))
	provider.Close()
	for range 5 {
		requireStatus(t, 503, h, provider.token(t, "ES256", "two"))
		requireStatus(t, 200, h, provider.token(t, "ES256", "one"))
	}
}

func TestNoKeysIsNoRefusal(t *testing.T) {
	t.Parallel()
	provider := newIDP(t)
	h := load(t, &Handler{Trusts: []*IssuerConfig{{Issuer: provider.URL, JWKS: provider.URL + "/absent", Audiences: []string{"any"}}}})
	w, p := send(t, h, provider.token(t, "ES256", "one"))
	require.False(t, p.reached)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "5", w.Header().Get("Retry-After"))
	require.Empty(t, w.Header().Get("WWW-Authenticate"))
}

// TestKeysAreForTheirIssuerOnly: one issuer can't sign for another.
func TestKeysAreForTheirIssuerOnly(t *testing.T) {
	t.Parallel()
	one, two := newIDP(t, published("ES256", "k")), newIDP(t, published("RS256", "k"))
	h := load(t, &Handler{
		IssuerConfig: IssuerConfig{Keys: []KeyConfig{{Algorithm: "HS256", File: writeFile(t, ring().secret)}}, Audiences: []string{"botgate"}},
		Issuers:      []string{"local"},
		Trusts:       []*IssuerConfig{{Issuer: one.URL, OIDC: true, Audiences: []string{"any"}}, {Issuer: two.URL, OIDC: true, Audiences: []string{"else"}}},
	})
	requireStatus(t, 200, h, one.token(t, "ES256", "k"))
	requireStatus(t, 401, h, one.token(t, "RS256", "k"))
	requireStatus(t, 401, h, one.token(t, "HS256", "k"))
	requireStatus(t, 401, h, two.token(t, "RS256", "k"))
	requireStatus(t, 200, h, "Bearer "+sign(t, "HS256", nil, fresh(jwt.MapClaims{"iss": "local"})))
	requireStatus(t, 401, h, "Bearer "+sign(t, "HS256", nil, fresh(jwt.MapClaims{"iss": "stranger"})))
	requireStatus(t, 401, h, "Bearer "+sign(t, "HS256", nil, fresh(jwt.MapClaims{"iss": nil})))
}

func TestAllowedAlgorithms(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, published("RS256", "k"))
	h := load(t, &Handler{Trusts: []*IssuerConfig{{Issuer: provider.URL, OIDC: true, Audiences: []string{"any"}, Algorithms: []string{"PS256"}}}})
	requireStatus(t, 200, h, provider.token(t, "PS256", "k"))
	requireStatus(t, 401, h, provider.token(t, "RS256", "k"))
}

func TestJWKFileIsFollowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	write := func(keys ...jose.JSONWebKey) {
		raw, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
	write(privateJWK("EdDSA", "one"), privateJWK("HS512", "two"))
	h := load(t, &Handler{IssuerConfig: IssuerConfig{JWKFiles: []string{path}}})
	token := func(algorithm, id string) string {
		return "Bearer " + sign(t, algorithm, map[string]any{"kid": id}, fresh(nil))
	}
	requireStatus(t, 200, h, token("EdDSA", "one"))
	requireStatus(t, 200, h, token("HS512", "two"))
	write(published("ES512", "three"))
	require.Eventually(t, func() bool {
		_, p := send(t, h, token("ES512", "three"))
		return p.reached
	}, time.Minute, 20*time.Millisecond)
	requireStatus(t, 401, h, token("EdDSA", "one"))
}

func TestParseJWK(t *testing.T) {
	t.Parallel()
	raw := func(key jose.JSONWebKey) string {
		text, err := key.MarshalJSON()
		require.NoError(t, err)
		return string(text)
	}
	named := published("RS256", "k")
	named.Algorithm = "RS512"
	keys, err := parseJWKs([]byte(raw(named)))
	require.NoError(t, err)
	require.Equal(t, []verificationKey{{algorithm: "RS512", id: "k", material: ring().rsa.Public()}}, keys)

	wrong, encryption := published("RS256", "k"), published("ES256", "k")
	wrong.Algorithm, encryption.Use = "ES256", "enc"
	for name, text := range map[string]string{
		"algorithm of another type": raw(wrong),
		"for encryption":            raw(encryption),
		"short secret":              `{"kty":"oct","k":"c2hvcnQ"}`,
		"not JSON":                  "x",
		"no key":                    "{}",
		"one of two":                `{"keys":[` + raw(named) + `,` + raw(wrong) + `]}`,
	} {
		_, err := parseJWKs([]byte(text))
		require.Error(t, err, name)
	}
}
