package integration

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// TestUsersOfAnyName: each user has the own events and no one else's, asked for by the name as it was given.
func TestUsersOfAnyName(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	long := strings.Repeat("u", 600)
	names := []string{"x/data", "x", "100%", "%2F", "😀", `CORP\alice`, "a//b", "...", long[:256], long[:255]}
	ids := map[string]string{}
	for _, name := range names {
		a, err := s.command(s.token(name), `"order 17"`, hello)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "%q: %s", name, a.body)
		var accepted struct{ ID string }
		a.json(t, &accepted)
		ids[name] = accepted.ID
	}
	a, err := s.command(s.token(long), "", hello)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusUnauthorized, "invalid-token") // A client's name that does not fit is refused.
	for _, name := range names {
		var found struct {
			Bots []struct{ Counts struct{ Accepted int } }
		}
		eventually(t, func() error {
			a, err := send(http.MethodGet, s.base+"/v1/users/"+url.PathEscape(name), bearer(s.token("reader")), nil)
			if err != nil || a.status != http.StatusOK {
				return errors.Join(err, fmt.Errorf("%d for %q: %s", a.status, name, a.body))
			}
			a.json(t, &found)
			return nil
		})
		require.Equal(t, 1, found.Bots[0].Counts.Accepted, name)
		a, err := send(http.MethodGet, s.base+"/v1/events/"+strings.ToUpper(ids[name]), bearer(s.token("reader")), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, "a UUID in upper case")
	}
}

// TestPathsMeanOneThing: a path reaches the route of the gateway whose rights the backend's answer needs, or none.
func TestPathsMeanOneThing(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	read := s.tokenWith(jwt.MapClaims{"scope": "events:read"})
	for _, c := range []struct {
		method, path string
		// gateway and backend are the statuses of the one, with a token for reading events, and of the other without any.
		gateway, backend int
	}{
		{"GET", "/v1/users/nobody", 404, 404},
		{"GET", "/v1/users/x%2Fdata", 404, 404},
		{"GET", "/v1/users/x%5Cdata", 404, 404},
		{"GET", "/v1/users/x/data", 403, 404},
		{"DELETE", "/v1/users/x/d%61ta", 403, 200},
		{"DELETE", "/v1/users/..%2fevents/data", 400, 400},
		{"PUT", "/v1/sessions/demo/..%2f..%2fevents%2fx", 400, 400},
		{"PUT", "/v1/sessions/demo/a%2fevents%2fx", 403, 201},
		{"GET", "/v1/dead/..%2fevents", 400, 400},
		{"GET", "/v1/d%65ad", 403, 200},
		{"GET", "/v1/dead%2Fx", 404, 404},
		{"GET", "/v1/jobs/..%2fevents%2fx", 400, 400},
		{"GET", "/v1/jobs/%2e%2e/events", 400, 400},
		{"GET", "/v1/jobs/..%5cevents", 400, 400},
		{"GET", "/v1/jobs/../events", 400, 400},
		{"GET", "/v1/./events", 400, 400},
		{"GET", "/v1//events", 400, 400},
		{"GET", "/v1/events%2F..%2Fdead", 400, 400},
		{"GET", "/v1/events/a%2Fb", 404, 404},
		{"GET", "/v1/events/a/b", 404, 404},
		{"POST", "/v1/bots/demo%2Fcommands", 405, 405}, // That is a bot of this name, which can be read.
	} {
		a, err := send(c.method, s.base+c.path, bearer(read), []byte(`{}`))
		require.NoError(t, err)
		require.Equal(t, c.gateway, a.status, "gateway: %s %s: %s", c.method, c.path, a.body)
		a, err = send(c.method, s.api+c.path, http.Header{"Content-Type": {"application/json"}}, []byte(`{}`))
		require.NoError(t, err)
		require.Equal(t, c.backend, a.status, "backend: %s %s: %s", c.method, c.path, a.body)
	}
}
