package app_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/botclaim"
)

const apiSecret = "0123456789abcdef"

// secretFile has the old secret and the new one.
func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "api.secret")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// asked is the status of an answer to a request for that host and path, with that Authorization and for all bots.
func asked(t *testing.T, address net.Addr, host, path, authorization string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address.String()+path, nil)
	require.NoError(t, err)
	r.Host = host
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
		r.Header.Set(botclaim.Header, botclaim.All)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// served starts a backend with the role api and returns where it listens.
func served(t *testing.T, change func(c *config.Config)) net.Addr {
	t.Helper()
	c := config.Default()
	c.Roles, c.DatabaseURL = []config.Role{config.API}, "sqlite:"+filepath.Join(t.TempDir(), "events.db")
	change(&c)
	a, err := app.New(app.Config{Settings: c})
	require.NoError(t, err)
	require.NoError(t, a.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, a.Stop(context.WithoutCancel(t.Context()))) })
	return a.Addr()
}

func TestLoopbackAnswersToLoopbackNames(t *testing.T) {
	t.Parallel()
	address := served(t, func(c *config.Config) {
		c.Listen, c.APIHosts, c.APISecretFile = "127.0.0.1:0", "gateway.internal, Other", secretFile(t, apiSecret)
	})
	for host, status := range map[string]int{
		"": 200, "localhost": 200, "LocalHost:8081": 200, "localhost.": 200, "127.0.0.1:8081": 200, "127.8.8.8": 200, "[::1]:8081": 200, "[::1]": 200,
		"[::ffff:127.0.0.1]:80": 200, "gateway.internal:8081": 200, "other": 200,
		"evil.example:8081": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403, "10.0.0.1": 403, "0.0.0.0:8081": 403,
		"[::]": 403, "[fe80::1]:8081": 403, "x.localhost": 403, "internal": 403,
	} {
		for _, path := range []string{"/v1/events", "/openapi.json", "/healthz", "/metrics"} {
			require.Equal(t, status, asked(t, address, host, path, ""), "%s %s", host, path)
		}
	}
	require.Equal(t, 200, asked(t, address, "public.example", "/v1/events", "Bearer "+apiSecret), "a gateway may pass on its own host")
	require.Equal(t, 403, asked(t, address, "evil.example", "/v1/events", "Bearer guess"))
}

func TestElsewhereTheAPIWantsTheSecret(t *testing.T) {
	t.Parallel()
	address := served(t, func(c *config.Config) {
		c.Listen, c.APISecretFile = "0.0.0.0:0", secretFile(t, "fedcba9876543210\n"+apiSecret+"\r\n")
	})
	for _, path := range []string{"/v1/events", "/v1/dead?all=true", "/openapi.json", "/v1//events", "/metrics/", "/nothing"} {
		for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer guess", "Basic " + apiSecret, apiSecret, "Bearer fedcba9876543210\t" + apiSecret} {
			require.Equal(t, 403, asked(t, address, "localhost", path, authorization), "%s %q", path, authorization)
		}
	}
	for _, known := range []string{apiSecret, "fedcba9876543210"} {
		require.Equal(t, 200, asked(t, address, "public.example", "/v1/events", "Bearer "+known))
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		require.Equal(t, 200, asked(t, address, "10.0.0.8:8081", path, ""), path)
	}
}

func TestSecretIsFollowed(t *testing.T) {
	t.Parallel()
	file := secretFile(t, apiSecret)
	address := served(t, func(c *config.Config) { c.Listen, c.APISecretFile = "0.0.0.0:0", file })
	const next = "fedcba9876543210"
	require.Equal(t, 403, asked(t, address, "localhost", "/v1/events", "Bearer "+next))
	require.NoError(t, os.WriteFile(file, []byte(next+"\n"), 0o600))
	require.Eventually(t, func() bool { return asked(t, address, "localhost", "/v1/events", "Bearer "+next) == 200 }, time.Minute, 50*time.Millisecond)
	require.Equal(t, 403, asked(t, address, "localhost", "/v1/events", "Bearer "+apiSecret))
}

func TestAPIElsewhereDoesNotStartWithoutTheSecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		listen, file string
		roles        []config.Role
		err          string
	}{
		"all addresses":     {":8081", "", []config.Role{config.API}, "BOTGATE_API_SECRET_FILE: must be set"},
		"all, IPv4":         {"0.0.0.0:8081", "", config.Default().Roles, "BOTGATE_API_SECRET_FILE: must be set"},
		"all, IPv6":         {"[::]:8081", "", []config.Role{config.API}, "BOTGATE_API_SECRET_FILE: must be set"},
		"another address":   {"10.0.0.8:8081", "", []config.Role{config.API}, "10.0.0.8:8081"},
		"a name":            {"backend.internal:8081", "", []config.Role{config.API}, "BOTGATE_API_SECRET_FILE: must be set"},
		"no file":           {"0.0.0.0:8081", filepath.Join(t.TempDir(), "none"), []config.Role{config.API}, "BOTGATE_API_SECRET_FILE: reading a secret"},
		"empty":             {"0.0.0.0:8081", secretFile(t, " \n"), []config.Role{config.API}, "BOTGATE_API_SECRET_FILE"},
		"short":             {"0.0.0.0:8081", secretFile(t, "secret\n"), []config.Role{config.API}, "at least 16 bytes"},
		"a short second":    {"127.0.0.1:8081", secretFile(t, apiSecret+"\n\nx\n"), []config.Role{config.API}, "at least 16 bytes"},
		"loopback":          {"127.0.0.1:8081", "", []config.Role{config.API}, ""},
		"loopback, IPv6":    {"[::1]:8081", "", []config.Role{config.API}, ""},
		"loopback, by name": {"localhost:8081", "", []config.Role{config.API}, ""},
		"no api":            {"0.0.0.0:8081", "", []config.Role{config.Record}, ""},
		"with the secret":   {"0.0.0.0:8081", secretFile(t, apiSecret+"\n"), []config.Role{config.API}, ""},
	} {
		c := config.Default()
		c.Listen, c.APISecretFile, c.Roles = tt.listen, tt.file, tt.roles
		if c.Has(config.Dispatch) {
			c.BotsFile = secretFile(t, `{"bots":{}}`)
		}
		_, err := app.New(app.Config{Settings: c})
		if tt.err == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, tt.err, name)
		require.NotContains(t, err.Error(), apiSecret)
	}
}

func TestHostsAreNames(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"https://gateway.internal", "*", "*.internal", "gateway:8081", "{$HOST}"} {
		c := config.Default()
		c.APIHosts = list
		require.ErrorContains(t, c.Validate(), "BOTGATE_API_HOSTS", list)
	}
}
