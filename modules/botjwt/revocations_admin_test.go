package botjwt

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/revocation"
)

func postRevocation(t *testing.T, method, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	err := serveRevoke(w, httptest.NewRequestWithContext(t.Context(), method, "/botgate/revocations", strings.NewReader(body)))
	if refused := (caddy.APIError{}); errors.As(err, &refused) {
		return refused.HTTPStatus, refused.Err.Error()
	}
	require.NoError(t, err)
	return w.Code, w.Body.String()
}

// TestAdminRevokes where the gateway looks, and nowhere where it looks for nothing. It has the pool for itself:
// it is not parallel, and goes first or last.
func TestAdminRevokes(t *testing.T) {
	const entry = `{"jti":"one","until":"2100-01-01T00:00:00Z"}`
	status, message := postRevocation(t, http.MethodPost, entry)
	require.Equal(t, http.StatusConflict, status)
	require.Contains(t, message, "option revocation")

	path := filepath.Join(t.TempDir(), revocation.FileName)
	list, release, err := acquireRevocations(nil, path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, release()) }()
	status, message = postRevocation(t, http.MethodPost, entry)
	require.Equal(t, http.StatusOK, status, message)
	require.JSONEq(t, `{"places":["`+path+`"]}`, message)
	require.Eventually(t, func() bool {
		current := list.Current(t.Context(), time.Minute)
		return current != nil && current.Revoked("one", "", time.Now())
	}, time.Minute, 10*time.Millisecond)

	for _, bad := range []string{"x", "{}", `{"jti":"a","sub":"b","until":"2100-01-01T00:00:00Z"}`} {
		status, _ = postRevocation(t, http.MethodPost, bad)
		require.GreaterOrEqual(t, status, 400, bad)
	}
	status, _ = postRevocation(t, http.MethodGet, "")
	require.Equal(t, http.StatusMethodNotAllowed, status)
}
