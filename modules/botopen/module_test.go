package botopen

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/adapttest"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }

func TestEverythingPasses(t *testing.T) {
	t.Parallel()
	passed := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	w := httptest.NewRecorder()
	require.NoError(t, new(Handler).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil), passed))
	require.Equal(t, http.StatusTeapot, w.Code)
}
