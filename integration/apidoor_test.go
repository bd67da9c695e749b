package integration

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// askFor sends a request for that host, as a page whose name was rebound does.
func askFor(t *testing.T, method, base, path, host, authorization string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
	require.NoError(t, err)
	request.Host = host
	request.Header = http.Header{"Origin": {"http://" + host}, "Sec-Fetch-Site": {"same-origin"}}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := httpClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// apart has the roles of the backend in a process of its own, which listens on the address.
func (s *stack) apart(listen string, env ...string) {
	s.t.Helper()
	s.env = append(append(s.env, "BOTGATE_ROLES=none"), env...)
	s.startGateway()
	s.backends = []*process{start(s.t, s.dir, s.env, backendBinary, "--roles", "record,dispatch,api,jobs", "--listen", listen)}
	s.waitReady(s.api, s.backends[0])
}

// everywhere is the stack's address of the API on all addresses of the machine.
func (s *stack) everywhere() string {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.api, "http://"))
	return "0.0.0.0:" + port
}

// TestReboundPages asks the API's port as a page does whose name was rebound to this machine, and through the gateway
// for a public name.
func TestReboundPages(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(s *stack){
		"one process": func(s *stack) {
			s.startEmbedded()
			s.waitReady(s.api, s.gateway)
		},
		"two processes": func(s *stack) { s.apart(strings.TrimPrefix(s.api, "http://")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			begin(s)
			for _, request := range []string{
				"GET /v1/events", "GET /v1/users/alice/data", "PUT /v1/sessions/demo/alice", "POST /v1/jobs", "DELETE /v1/dead?all=true", "GET /metrics",
			} {
				method, path, _ := strings.Cut(request, " ")
				require.Equal(t, http.StatusForbidden, askFor(t, method, s.api, path, "evil.example", ""), request)
			}
			require.Equal(t, http.StatusOK, askFor(t, "GET", s.api, "/readyz", "localhost", ""))
			require.Equal(t, http.StatusOK, askFor(t, "GET", s.base, "/v1/events", "bots.example.com", "Bearer "+s.token("alice")))
		})
	}
}

// TestAPIBeyondLoopback has the API listen on all addresses, in one process and in two.
func TestAPIBeyondLoopback(t *testing.T) {
	t.Parallel()
	const file = "BOTGATE_API_SECRET_FILE=data/api.secret"
	for name, begin := range map[string]func(s *stack){
		"one process": func(s *stack) {
			s.env = append(s.env, "BOTGATE_API_LISTEN="+s.everywhere(), file)
			s.startEmbedded()
		},
		"two processes": func(s *stack) { s.apart(s.everywhere(), file) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t)
			begin(s)
			for _, host := range []string{"localhost", "127.0.0.1", "evil.example"} {
				for _, authorization := range []string{"", "Bearer guess", "Bearer " + s.token("alice")} {
					require.Equal(t, http.StatusForbidden, askFor(t, "GET", s.api, "/v1/events", host, authorization))
					require.Equal(t, http.StatusForbidden, askFor(t, "DELETE", s.api, "/v1/dead?all=true", host, authorization))
				}
			}
			require.Equal(t, http.StatusOK, askFor(t, "GET", s.api, "/openapi.json", "any", "Bearer "+s.secret("api.secret")))
			require.Equal(t, http.StatusOK, askFor(t, "GET", s.api, "/metrics", "10.0.0.8:8081", ""))
			id := s.accept("alice", hello)
			s.awaitStatus(id, "delivered")
			admin := "Bearer " + s.tokenWith(jwt.MapClaims{"scope": "events:admin"})
			require.Equal(t, http.StatusOK, askFor(t, "GET", s.base, "/v1/dead", "bots.example.com", admin))
			require.NotContains(t, s.gateway.output.String(), s.secret("api.secret"))
		})
	}
}

// TestAPIBeyondLoopbackNeedsTheSecret starts neither binary without it.
func TestAPIBeyondLoopbackNeedsTheSecret(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	for _, file := range []string{"", "BOTGATE_API_SECRET_FILE=", "BOTGATE_API_SECRET_FILE=data/none.secret"} {
		env := append(s.env, "BOTGATE_API_LISTEN="+s.everywhere(), "BOTGATE_LISTEN="+s.everywhere(), file)
		for _, command := range [][]string{
			{gatewayBinary, "validate", "--config", s.config}, {gatewayBinary, "run", "--config", s.config}, {backendBinary},
		} {
			_, stderr, code := run(t, s.dir, env, "", command[0], command[1:]...)
			require.NotZero(t, code, "%v %s", command, file)
			require.Contains(t, stderr, "secret", "%v %s", command, file)
			require.Regexp(t, "BOTGATE_API_SECRET_FILE|api_secret_file", stderr, "%v %s", command, file)
		}
	}
}
