package botsignature

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/delivery"
)

// delivered sends a request through the handler and returns what it brings.
func delivered(t *testing.T, h *Handler, r *http.Request) *delivery.Delivery {
	t.Helper()
	var d *delivery.Delivery
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, &caddyhttp.Server{})
	require.NoError(t, h.ServeHTTP(nil, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		d = delivery.Of(r)
		return nil
	})))
	require.NotNil(t, d)
	return d
}

func TestAccountIsWhereItsSecretIs(t *testing.T) {
	t.Setenv("BOTGATE_TEST_SECRET", githubSecret)
	file := writeFile(t, oldSecret)
	in := func(c PlatformConfig) []string {
		h := load(t, &Handler{Platform: "github", Platforms: map[string]*PlatformConfig{"github": &c}})
		return delivered(t, h, signed(t, "github", githubSecret, `{}`)).Accounts
	}
	require.Equal(t, []string{"file " + file, "env BOTGATE_TEST_SECRET"},
		in(PlatformConfig{Files: []string{file}, Envs: []string{"BOTGATE_TEST_SECRET"}}))
	require.NoError(t, os.WriteFile(file, []byte(githubSecret), 0o600))
	require.Equal(t, []string{"file " + file}, in(PlatformConfig{Files: []string{file}}), "whatever is in there")
	require.Equal(t, []string{"sender acme"}, in(PlatformConfig{Files: []string{file}, Sender: "acme"}))

	here, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, "data/x", fromHere("data/../data/x"))
	require.Equal(t, "data/x", fromHere(filepath.Join(here, "data", "x")))
	require.Equal(t, "/x", fromHere("/x"))

	c := newConnector(t)
	h := load(t, &Handler{Platform: "botframework", Platforms: map[string]*PlatformConfig{
		"botframework": {Options: map[string]string{"app_id": "app", "metadata": c.URL + "/metadata"}},
	}})
	require.Equal(t, []string{"audience app"}, delivered(t, h, c.request(t, "k1")).Accounts)
}

func TestSameSignedBytesAreARepeat(t *testing.T) {
	t.Parallel()
	on, off := true, false
	hmacOptions := map[string]string{"header": "X-Signature", "id_header": "X-Id"}
	for name, tt := range map[string]struct {
		platform, secret, body string
		config                 PlatformConfig
		want                   bool
	}{
		"unsigned key":       {"github", githubSecret, `{"ref":"x"}`, PlatformConfig{}, true},
		"turned off":         {"github", githubSecret, `{"ref":"x"}`, PlatformConfig{ReplayByBody: &off}, false},
		"equal bodies":       {"hmac", githubSecret, `{}`, PlatformConfig{Options: hmacOptions}, false},
		"turned on":          {"hmac", githubSecret, `{}`, PlatformConfig{Options: hmacOptions, ReplayByBody: &on}, true},
		"signed key":         {"standard-webhooks", standardSecret, `{}`, PlatformConfig{ReplayByBody: &on}, false},
		"nothing is a key":   {"slack", githubSecret, `{"type":"x"}`, PlatformConfig{}, true},
		"nothing is signed":  {"telegram", githubSecret, `{}`, PlatformConfig{ReplayByBody: &on}, false},
		"key in the content": {"slack", githubSecret, `{"type":"x","trigger_id":"1"}`, PlatformConfig{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.config.Files = []string{writeFile(t, tt.secret)}
			h := load(t, &Handler{Platform: tt.platform, Platforms: map[string]*PlatformConfig{tt.platform: &tt.config}})
			r := signedWith(t, tt.platform, tt.config.Options, tt.secret, tt.body)
			d := delivered(t, h, r)
			require.Equal(t, tt.want, d.Signed != nil && d.Signed[0] != nil)
		})
	}
}
