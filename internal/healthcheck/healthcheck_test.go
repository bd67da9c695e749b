package healthcheck

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGet(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	}))
	answer, err := Get(t.Context(), server.URL+"/healthz")
	require.NoError(t, err)
	require.JSONEq(t, `{"path":"/healthz"}`, answer)
	_, err = Get(t.Context(), server.URL+"/readyz")
	require.ErrorContains(t, err, `/readyz answered 503 Service Unavailable: {"path":"/readyz"}`)
	server.Close()
	_, err = Get(t.Context(), server.URL+"/healthz")
	require.ErrorContains(t, err, "refused")
}

func TestURL(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		":8081": "http://127.0.0.1:8081/x", "0.0.0.0:1": "http://127.0.0.1:1/x", "[::]:1": "http://[::1]:1/x",
		"10.0.0.8:8081": "http://10.0.0.8:8081/x", "[fd00::1]:1": "http://[fd00::1]:1/x", "api:1": "http://api:1/x",
	} {
		url, err := URL(listen, "/x")
		require.NoError(t, err)
		require.Equal(t, want, url)
	}
	_, err := URL("8081", "/x")
	require.ErrorContains(t, err, `"8081" is not an address`)
}
