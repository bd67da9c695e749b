package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/console"
)

// TestConsole begins a session as a gateway has it begun, with a link that is good once.
func TestConsole(t *testing.T) {
	t.Parallel()
	c := settings(t, "http://127.0.0.1:1/")
	c.Roles, c.Console, c.ConsoleSecretFile = []config.Role{config.API}, config.ConsoleOn, filepath.Join(t.TempDir(), "console.secret")
	_, err := app.New(app.Config{Settings: c})
	require.ErrorContains(t, err, config.EnvConsoleSecret, "a secret that is missing is an error of the configuration")
	require.NoError(t, os.WriteFile(c.ConsoleSecretFile, []byte("0123456789abcdef0123456789abcdef"), 0o600))
	a := start(t, app.Config{Settings: c})

	ask := func(method, path string, header http.Header, cookies ...*http.Cookie) (status int, set []*http.Cookie) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.Addr().String()+path, nil)
		require.NoError(t, err)
		r.Header = header.Clone()
		for _, cookie := range cookies {
			r.AddCookie(cookie)
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Cookies()
	}
	who := http.Header{
		"X-Botgate-User": {"alice"}, "X-Botgate-Bot": {"*"}, "X-Botgate-Scopes": {"console:login events:read"}, "X-Botgate-Token": {"once"},
		"X-Botgate-Issued": {"1700000000"},
	}
	status, cookies := ask(http.MethodPost, "/console/session", who)
	require.Equal(t, http.StatusNoContent, status)
	status, _ = ask(http.MethodPost, "/console/session", who)
	require.Equal(t, http.StatusForbidden, status, "the link was used")
	status, _ = ask(http.MethodGet, "/console/events", http.Header{}, cookies...)
	require.Equal(t, http.StatusOK, status)
	status, _ = ask(http.MethodGet, "/console/events", http.Header{})
	require.Equal(t, http.StatusSeeOther, status)
}

// TestConsoleWithProvider: the settings come to the page that signs in, whether the provider is there or not.
func TestConsoleWithProvider(t *testing.T) {
	t.Parallel()
	require.Equal(t, config.ConsoleCallback, console.CallbackPath)
	c := settings(t, "http://127.0.0.1:1/")
	folder := t.TempDir()
	c.Roles, c.Console, c.ConsoleSecretFile = []config.Role{config.API}, config.ConsoleOn, filepath.Join(folder, "console.secret")
	require.NoError(t, os.WriteFile(c.ConsoleSecretFile, []byte("0123456789abcdef0123456789abcdef"), 0o600))
	c.OIDC.Issuer, c.OIDC.ClientID, c.OIDC.Viewers = "http://127.0.0.1:1/realm", "botgate", "staff"
	c.OIDC.RedirectURL, c.OIDC.SecretFile = "https://gate.example.com"+config.ConsoleCallback, filepath.Join(folder, "client.secret")
	_, err := app.New(app.Config{Settings: c})
	require.ErrorContains(t, err, config.EnvOIDCSecret)
	require.NoError(t, os.WriteFile(c.OIDC.SecretFile, []byte("hunter2\n"), 0o600))
	a := start(t, app.Config{Settings: c})
	status, page := get(t, a, "/console/login")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "Sign in with 127.0.0.1:1<")
	status, page = get(t, a, "/console/oidc")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, page, "The identity provider does not answer")
}

// TestNoConsole: it is off unless somebody asks for it.
func TestNoConsole(t *testing.T) {
	t.Parallel()
	a := start(t, app.Config{Settings: settings(t, "http://127.0.0.1:1/")})
	status, _ := get(t, a, "/console/login")
	require.Equal(t, http.StatusNotFound, status)
}
