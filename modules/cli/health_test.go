package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Write([]byte("answer"))
	}))
	t.Cleanup(server.Close)
	run := func(path string) (string, error) {
		out := new(bytes.Buffer)
		cmd := new(cobra.Command)
		healthCommand().CobraFunc(cmd)
		cmd.SetOut(out)
		cmd.SetErr(out)
		cmd.SetArgs([]string{"--url", server.URL + path})
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	out, err := run("/healthz")
	require.NoError(t, err)
	require.Equal(t, "answer\n", out)
	_, err = run("/readyz")
	require.ErrorContains(t, err, "503")
}

// TestHealthAsksWhereProbesAre follows the variables of the shipped Caddyfile.
func TestHealthAsksWhereProbesAre(t *testing.T) {
	for _, c := range []struct{ bind, port, want string }{
		{"", "9999", "http://127.0.0.1:8080/readyz/self"},
		{"0.0.0.0", "", "http://127.0.0.1:9180/readyz/self"},
		{"10.1.2.3 127.0.0.1", "9999", "http://10.1.2.3:9999/readyz/self"},
		{"[fd00::1]", "", "http://[fd00::1]:9180/readyz/self"},
	} {
		t.Setenv(envMetricsBind, c.bind)
		t.Setenv(envMetricsPort, c.port)
		require.Equal(t, c.want, healthURL(), c.bind)
	}
}
