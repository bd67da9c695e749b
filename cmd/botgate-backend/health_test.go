package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHealth asks where the environment says, and judges none of the other settings: of a process without the role api
// this would be wrong.
func TestHealth(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz/self" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Write([]byte("answer"))
	}))
	t.Cleanup(server.Close)
	listen := "BOTGATE_LISTEN=" + strings.Replace(server.Listener.Addr().String(), "127.0.0.1", "", 1)
	stdout, stderr, code := execute(t, []string{"health"}, listen)
	require.Zero(t, code, stderr)
	require.Equal(t, "answer\n", stdout)
	_, stderr, code = execute(t, []string{"health", "--url", server.URL + "/readyz"}, listen)
	require.Equal(t, exitError, code)
	require.Contains(t, stderr, "503")
	_, stderr, code = execute(t, []string{"health"}, "BOTGATE_LISTEN=8081")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "BOTGATE_LISTEN")
}
