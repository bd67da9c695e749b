package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/lockout"
)

// admin is an admin endpoint with the routes of a module, of which there is no handler.
func admin(t *testing.T, module caddy.AdminRouter) string {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range module.Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handler.ServeHTTP(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusNotFound)
			}
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestLockoutCommands(t *testing.T) {
	address := admin(t, lockout.Admin{})
	run := func(args ...string) (string, error) {
		c, out := lockoutCommand(), new(bytes.Buffer)
		cmd := &cobra.Command{Use: c.Name, SilenceErrors: true}
		c.CobraFunc(cmd)
		cmd.SetOut(out)
		cmd.SetArgs(args)
		err := cmd.Execute()
		return out.String(), err
	}
	out, err := run("list", "--address", address)
	require.NoError(t, err)
	require.Empty(t, out)
	out, err = run("lift", "--all", "--address", address)
	require.NoError(t, err)
	require.Equal(t, "Lifted: 0\n", out)
	for want, args := range map[string][]string{
		"is not locked out":   {"lift", "192.0.2.1", "--address", address},
		"or give --all":       {"lift", "--address", address},
		"or give --all ":      {"lift", "192.0.2.1", "--all", "--address", address},
		"asking the gateway ": {"list", "--address", "127.0.0.1:1"},
	} {
		_, err := run(args...)
		require.ErrorContains(t, err, strings.TrimSpace(want))
	}
}
