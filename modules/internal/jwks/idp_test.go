package jwks

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

var discard = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// idp is a fake identity provider. Its answer can be replaced while it runs.
type idp struct {
	*httptest.Server
	mu      sync.Mutex
	answer  http.HandlerFunc
	fetches int
}

func newIDP(t testing.TB, answer http.HandlerFunc) *idp {
	t.Helper()
	p := &idp{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.fetches++
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *idp) turn(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *idp) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// serving answers with a key set of these ids.
func serving(t testing.TB, ids ...string) http.HandlerFunc {
	t.Helper()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, id := range ids {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig", Algorithm: "RS256"})
	}
	raw, err := json.Marshal(set)
	require.NoError(t, err)
	return body(string(raw))
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hanging answers when the test is over.
func hanging(t testing.TB) http.HandlerFunc {
	t.Helper()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}
}

func open(t testing.TB, c Config) *source {
	t.Helper()
	c.Logger = discard
	source, err := acquire(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, source.release()) })
	return source
}

func ids(document *Document) []string {
	var ids []string
	for _, key := range document.Keys {
		ids = append(ids, key.KeyID)
	}
	return ids
}

// requireKeys waits until the source has exactly these keys.
func requireKeys(t testing.TB, source *source, want ...string) *Document {
	t.Helper()
	var last *Document
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		document, err := source.latest(t.Context())
		require.NoError(c, err)
		require.Equal(c, want, ids(document))
		last = document
	}, time.Minute, 2*time.Millisecond)
	return last
}
