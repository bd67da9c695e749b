package botlimit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/limit"
)

// askAdmin sends a request to a route of the admin endpoint and returns its error's status.
func askAdmin(t *testing.T, method, target, body string) (*httptest.ResponseRecorder, int) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, route := range (Admin{}).Routes() {
		if route.Pattern != r.URL.Path {
			continue
		}
		err := route.Handler.ServeHTTP(w, r)
		if apiError := (caddy.APIError{}); err != nil {
			require.ErrorAs(t, err, &apiError)
			return w, apiError.HTTPStatus
		}
		return w, w.Code
	}
	t.Fatalf("no route for %s", target)
	return nil, 0
}

// TestAdminListsAndResets is alone: a reset concerns all limiters of the process, and
// those of other tests have no Redis on purpose.
func TestAdminListsAndResets(t *testing.T) {
	z := zone(1, "{http.auth.user.id}")
	h := serving(t, "", Handler{Zones: []Zone{z}})
	for range 4 {
		send(t, h, user("ada"))
	}
	w, status := askAdmin(t, http.MethodGet, "/botgate/limits/offenders?n=1000", "")
	require.Equal(t, http.StatusOK, status)
	var got struct {
		TopKeys []limit.TopKey `json:"offenders"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	found := false
	for _, o := range got.TopKeys {
		if o.Zone == z.Name {
			found = true
			require.Equal(t, "ada", o.Key)
			require.Equal(t, int64(3), o.Refused)
		}
	}
	require.True(t, found, "%s", w.Body)

	_, status = askAdmin(t, http.MethodPost, "/botgate/limits/reset", `{"zone": "`+z.Name+`", "key": "ada"}`)
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, http.StatusAccepted, send(t, h, user("ada")).Code)
}

func TestAdminRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{http.MethodPost, "/botgate/limits/offenders", "", http.StatusMethodNotAllowed},
		{http.MethodGet, "/botgate/limits/offenders?n=0", "", http.StatusBadRequest},
		{http.MethodGet, "/botgate/limits/offenders?n=many", "", http.StatusBadRequest},
		{http.MethodGet, "/botgate/limits/reset", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/botgate/limits/reset", "", http.StatusBadRequest},
		{http.MethodPost, "/botgate/limits/reset", `{"key": "ada"}`, http.StatusBadRequest},
	} {
		_, status := askAdmin(t, c.method, c.target, c.body)
		require.Equal(t, c.status, status, "%s %s", c.method, c.target)
	}
}
