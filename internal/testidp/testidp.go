// Package testidp is an OpenID provider for tests: it signs in whoever comes, and can be told to be wrong.
package testidp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// The client that the provider knows.
const (
	ClientID     = "botgate"
	ClientSecret = "client-secret"
)

// Provider is one on loopback.
type Provider struct {
	*httptest.Server

	t    testing.TB
	keys map[jose.SignatureAlgorithm]crypto.Signer

	mu sync.Mutex
	// claims are those of tokens, beside what each has; wrong changes a token's claims, and sign signs them.
	claims map[string]any
	wrong  func(claims map[string]any)
	sign   func(payload []byte) string
	status int
	// codes are those that were given out.
	codes map[string]url.Values
}

// New starts a provider, which signs in the user "olivia".
func New(t testing.TB) *Provider {
	t.Helper()
	p := &Provider{t: t, codes: map[string]url.Values{}, claims: map[string]any{"sub": "olivia"}}
	p.keys = newKeys(t)
	p.sign = func(payload []byte) string { return p.Signed(jose.RS256, payload) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /keys", p.publicKeys)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		status := p.status
		p.mu.Unlock()
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func newKeys(t testing.TB) map[jose.SignatureAlgorithm]crypto.Signer {
	t.Helper()
	one, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return map[jose.SignatureAlgorithm]crypto.Signer{jose.RS256: one, jose.ES256: other}
}

// Claim sets what tokens say; nil leaves it out.
func (p *Provider) Claim(name string, value any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims[name] = value
}

// Wrong changes the claims of tokens from now on; nil changes none.
func (p *Provider) Wrong(change func(claims map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = change
}

// SignWith has tokens be what the function makes of their claims.
func (p *Provider) SignWith(sign func(payload []byte) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign = sign
}

// AnswerAll has every answer be the status; 0 ends that.
func (p *Provider) AnswerAll(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// Signed is the token with the claims, by the provider's key of the algorithm.
func (p *Provider) Signed(algorithm jose.SignatureAlgorithm, payload []byte) string {
	return Sign(p.t, p.keys[algorithm], algorithm, payload)
}

// Sign makes a token with any key.
func Sign(t testing.TB, key any, algorithm jose.SignatureAlgorithm, payload []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", string(algorithm)))
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // Who asked is gone.
}

func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "HS256", "none"},
	})
}

func (p *Provider) publicKeys(w http.ResponseWriter, _ *http.Request) {
	set := jose.JSONWebKeySet{}
	for algorithm, key := range p.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: string(algorithm), Algorithm: string(algorithm), Use: "sig"})
	}
	answer(w, http.StatusOK, set)
}

// authorize signs in at once, and sends the browser back.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()
	if asked.Get("client_id") != ClientID || asked.Get("response_type") != "code" || asked.Get("code_challenge_method") != "S256" {
		http.Error(w, "no such client", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = asked
	p.mu.Unlock()
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {asked.Get("state")}}.Encode(), http.StatusFound) //nolint:gosec // The test says where to go.
}

// token gives a token for a code, once, to the client that asked for it.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	code := r.FormValue("code")
	asked, known := p.codes[code]
	delete(p.codes, code)
	id, secret, _ := r.BasicAuth()
	digest := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	switch {
	case id != ClientID || secret != ClientSecret:
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	case !known, asked.Get("redirect_uri") != r.FormValue("redirect_uri"),
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(digest[:]):
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "<b>no</b>"})
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": p.URL, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "nonce": asked.Get("nonce")}
	maps.Copy(claims, p.claims)
	if p.wrong != nil {
		p.wrong(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		answer(w, http.StatusInternalServerError, nil)
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "id_token": p.sign(payload)})
}
