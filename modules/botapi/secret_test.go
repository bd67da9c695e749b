package botapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/gateway"
)

func init() { caddy.RegisterModule(&fakeBotgate{}) }

// fakeBotgate stands for the botgate app.
type fakeBotgate struct {
	File string `json:"file"`
}

func (*fakeBotgate) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate", New: func() caddy.Module { return new(fakeBotgate) }}
}
func (*fakeBotgate) Start() error                 { return nil }
func (*fakeBotgate) Stop() error                  { return nil }
func (f *fakeBotgate) Settings() gateway.Settings { return gateway.Settings{APISecretFile: f.File} }

// provisionSecret provisions a handler in front of the upstream, which shows it the secret of the file.
func provisionSecret(t *testing.T, handler, file string) (*Handler, error) {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		Admin: &caddy.AdminConfig{Disabled: true}, AppsRaw: caddy.ModuleMap{"botgate": json.RawMessage(`{"file":"` + file + `"}`)},
	})
	require.NoError(t, err)
	h := new(Handler)
	require.NoError(t, json.Unmarshal([]byte(handler), h))
	if err := h.Provision(ctx); err != nil {
		return nil, err
	}
	t.Cleanup(func() { require.NoError(t, h.Cleanup()) })
	return h, nil
}

// TestSecretTakesTheCallersPlace also where the block takes Authorization away.
func TestSecretTakesTheCallersPlace(t *testing.T) {
	seen := make(chan string, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") }))
	t.Cleanup(upstream.Close)
	file := filepath.Join(t.TempDir(), "api.secret")
	require.NoError(t, os.WriteFile(file, []byte("0123456789abcdef\r\nold-old-old-old-old\n"), 0o600))
	const header = `"headers":{"request":{"delete":["Authorization"]}},`
	h, err := provisionSecret(t, `{`+header+`"upstreams":[{"dial":"`+upstream.Listener.Addr().String()+`"}]}`, file)
	require.NoError(t, err)
	ask := func() string {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/events", nil)
		r.Header.Set("Authorization", "Bearer caller")
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, false)
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.1")
		require.NoError(t, h.ServeHTTP(w, r, nil))
		require.Equal(t, "Bearer caller", r.Header.Get("Authorization"), "what is logged of the request has no secret")
		return <-seen
	}
	require.Equal(t, "Bearer 0123456789abcdef", ask())
	require.NoError(t, os.WriteFile(file, []byte("fedcba9876543210\n"), 0o600))
	require.Eventually(t, func() bool { return ask() == "Bearer fedcba9876543210" }, time.Minute, 50*time.Millisecond, "it is followed")
}

func TestSecretsThatAreNone(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "blank": " \n", "short": "secret\n", "a second line": "\nx\n0123456789abcdef\n"} {
		file := filepath.Join(t.TempDir(), "api.secret")
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		_, err := provisionSecret(t, `{"upstreams":[{"dial":"127.0.0.1:8081"}]}`, file)
		require.ErrorContains(t, err, "option api_secret_file", name)
	}
	_, err := provisionSecret(t, `{"upstreams":[{"dial":"127.0.0.1:8081"}]}`, "none")
	require.ErrorContains(t, err, "option api_secret_file")
}
