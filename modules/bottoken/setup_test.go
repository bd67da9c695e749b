package bottoken

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/botgate/botgate/modules/botgate"
	"github.com/botgate/botgate/modules/internal/lockout"
)

// provisioning guards what Caddy changes of its process while it provisions.
var provisioning sync.Mutex

// configuration returns the context of a configuration whose data folder this is.
func configuration(t testing.TB, data string) caddy.Context {
	t.Helper()
	raw, err := json.Marshal(botgate.App{Data: data})
	require.NoError(t, err)
	provisioning.Lock()
	defer provisioning.Unlock()
	whole, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: caddy.ModuleMap{"botgate": raw},
	})
	require.NoError(t, err)
	ctx, unload := caddy.NewContext(whole)
	t.Cleanup(unload)
	return ctx
}

func provision(t testing.TB, h *Handler) error {
	t.Helper()
	ctx := configuration(t, filepath.Join(t.TempDir(), "data"))
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	provisioning.Lock()
	defer provisioning.Unlock()
	return h.Provision(ctx)
}

const (
	ciSecret  = "s3cret-of-ci"
	ciSecret2 = "next-s3cret-of-ci"
)

// testLockouts makes the lockouts of each test its own: they are shared by configuration.
var testLockouts struct {
	sync.Mutex
	made int
}

func ownLockout(failures int) *lockout.Config {
	testLockouts.Lock()
	defer testLockouts.Unlock()
	testLockouts.made++
	return &lockout.Config{
		Failures: failures, Window: caddy.Duration(time.Hour), Duration: caddy.Duration(time.Hour + time.Duration(testLockouts.made)*time.Second),
	}
}

// handler has two clients, "ci" and "idle", and nobody is locked out.
func handler(t testing.TB) *Handler {
	t.Helper()
	return strictHandler(t, 1000)
}

// strictHandler locks out after so many failures. Its hash limit is its own: others of the
// process may hold up the shared one for long.
func strictHandler(t testing.TB, failures int) *Handler {
	t.Helper()
	h := &Handler{
		Issuer: "https://bots.example", Audiences: []string{"botgate"},
		ClientsFile: clientsFile(t), Lockout: ownLockout(failures), minCost: bcrypt.MinCost,
	}
	require.NoError(t, provision(t, h))
	h.hashes = newHashLimit(2)
	return h
}

func clientsFile(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clients.json")
	content := fmt.Appendf(nil, `[
		{"id": "ci", "secret_hashes": [%q, %q], "scopes": ["commands:write", "events:read"],
		 "subject": "build-server", "claims": {"bot": "demo"}},
		{"id": "idle", "secret_hashes": [%q]}
	]`, hashOf(t, ciSecret, 4), hashOf(t, ciSecret2, 4), hashOf(t, "s3cret-of-idle", 4))
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// ask makes a request for a token with Basic credentials.
func ask(id, secret, form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader("grant_type=client_credentials"+form))
	r.Header.Set("Content-Type", formType)
	r.SetBasicAuth(id, secret)
	return r
}

// send lets the handler answer a request from the address.
func send(t testing.TB, h *Handler, address string, r *http.Request) (*httptest.ResponseRecorder, *caddy.Replacer) {
	t.Helper()
	w, repl := httptest.NewRecorder(), caddy.NewReplacer()
	r = caddyhttp.PrepareRequest(r, repl, w, &caddyhttp.Server{})
	caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, address)
	require.NoError(t, h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		t.Error("the next handler was called")
		return nil
	})))
	return w, repl
}
