package s3

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/outbound"
)

// TestEndpointInside: what a name resolves to when it is dialed decides, whatever it was when it was checked.
func TestEndpointInside(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	for _, private := range []bool{false, true} {
		transport, err := address{private: private}.transport()
		require.NoError(t, err)
		t.Cleanup(transport.CloseIdleConnections)
		resp, err := (&http.Client{Transport: transport}).Get(strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
		if private {
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			continue
		}
		require.ErrorAs(t, err, new(*outbound.InsideError))
	}
}
