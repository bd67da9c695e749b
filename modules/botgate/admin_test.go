package botgate_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/botgate"
)

// TestAdminBeforeTheStart asks while no configuration is in use yet: which bots there are is not known then.
func TestAdminBeforeTheStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/botgate/files", nil)
	err := botgate.Admin{}.Routes()[0].Handler.ServeHTTP(httptest.NewRecorder(), r)
	var api caddy.APIError
	require.ErrorAs(t, err, &api)
	require.Equal(t, http.StatusServiceUnavailable, api.HTTPStatus)
}
