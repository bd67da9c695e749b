package bottoken

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/lockout"
)

func TestProvisionErrorsNameTheOption(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "clients.json")
	require.NoError(t, os.WriteFile(file, []byte(`[]`), 0o600))
	odd := filepath.Join(t.TempDir(), "odd.json")
	require.NoError(t, os.WriteFile(odd, []byte(`[{}]`), 0o600))
	tests := map[string]struct {
		change func(h *Handler)
		want   string
	}{
		"no issuer":        {func(h *Handler) { h.Issuer = "" }, "option issuer: it is required"},
		"no audience":      {func(h *Handler) { h.Audiences = nil }, "option audience: at least one"},
		"no clients":       {func(h *Handler) { h.ClientsFile = "" }, "option clients_file: it is required"},
		"blank issuer":     {func(h *Handler) { h.Issuer = " " }, "option issuer: there is nothing but white space"},
		"unset issuer":     {func(h *Handler) { h.Issuer = "{env.BOTGATE_TEST_UNSET}" }, "option issuer: "},
		"unset audience":   {func(h *Handler) { h.Audiences = []string{"a", "{env.BOTGATE_TEST_UNSET}"} }, "option audience: "},
		"odd audience":     {func(h *Handler) { h.Audiences = []string{"$AUDIENCE"} }, "option audience: the placeholder $AUDIENCE"},
		"unset clients":    {func(h *Handler) { h.ClientsFile = "{env.BOTGATE_TEST_UNSET}" }, "option clients_file: a placeholder"},
		"odd folder":       {func(h *Handler) { h.Folder = "${FOLDER}" }, "option folder: a placeholder"},
		"no such file":     {func(h *Handler) { h.ClientsFile += "x" }, "option clients_file: open " + file + "x"},
		"odd file":         {func(h *Handler) { h.ClientsFile = odd }, "option clients_file: " + odd + `: client 1 "": id and subject`},
		"long ttl":         {func(h *Handler) { h.TTL = caddy.Duration(25 * time.Hour) }, "option ttl: must be from 1s to 24h"},
		"negative ttl":     {func(h *Handler) { h.TTL = -1 }, "option ttl"},
		"short overlap":    {func(h *Handler) { h.Overlap = caddy.Duration(time.Second) }, "option overlap: must be from 1m0s"},
		"short rotation":   {func(h *Handler) { h.Rotate = caddy.Duration(time.Hour) }, "option rotate: must be from 1h10m0s (ttl and overlap together)"},
		"odd lockout":      {func(h *Handler) { h.Lockout = new(lockout.Config) }, "option lockout: the number of failures"},
		"folder is a file": {func(h *Handler) { h.Folder = file }, "option folder: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := &Handler{Issuer: "botgate", Audiences: []string{"botgate"}, ClientsFile: file}
			tt.change(h)
			err := provision(t, h)
			require.ErrorContains(t, err, "bot_token: "+tt.want)
		})
	}
}

// TestReload loads the module twice from JSON, as a reload does with both alive: tokens
// of the old one are good under the new one. That nothing is left running afterwards is
// checked for all tests.
func TestReload(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	clients := filepath.Join(data, "clients.json")
	require.NoError(t, os.WriteFile(clients, []byte(`[{"id": "ci", "secret_hashes": ["`+realHash+`"]}]`), 0o600))
	raw, err := json.Marshal(Handler{
		Issuer: "https://bots.example", Audiences: []string{"botgate"}, ClientsFile: clients, Lockout: ownLockout(10),
	})
	require.NoError(t, err)
	var loaded []*Handler
	for range 2 {
		ctx := configuration(t, data)
		provisioning.Lock()
		module, err := ctx.LoadModuleByID("http.handlers.bot_token", raw)
		provisioning.Unlock()
		require.NoError(t, err)
		loaded = append(loaded, module.(*Handler))
	}
	require.Equal(t, filepath.Join(data, "token"), loaded[0].Folder)
	require.NoError(t, loaded[0].Cleanup())
	w, _ := send(t, loaded[0], "192.0.2.1", ask("ci", realSecret, ""))
	require.Equal(t, http.StatusOK, w.Code, "a request that began before the reload")
	requireToken(t, loaded[1], w)
	require.NoError(t, loaded[0].Cleanup(), "a second time")
}

func TestCleanupOfHalfAHandler(t *testing.T) {
	t.Parallel()
	require.NoError(t, new(Handler).Cleanup())
}

func TestSeveralAudiences(t *testing.T) {
	t.Parallel()
	h := handler(t)
	h.issuer.audiences = []string{"botgate", "other"}
	w, _ := send(t, h, "192.0.2.1", ask("ci", ciSecret, ""))
	claims, _ := requireToken(t, h, w)
	require.Equal(t, []any{"botgate", "other"}, claims["aud"])
}
