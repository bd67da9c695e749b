package integration

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/api/openapitest"
)

// TestAnswersAreAsDescribed compares what gateway and backend answer by themselves, and some
// of what goes through both, with the OpenAPI document that the gateway serves.
func TestAnswersAreAsDescribed(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	served, err := send(http.MethodGet, s.base+"/openapi.json", nil, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, served.status)
	c := openapitest.New(t, served.body)

	good := bearer(s.tokenWith(jwt.MapClaims{"scope": "commands:write events:read events:admin events:pull sessions:write"}))
	with := func(name, value string) http.Header {
		h := good.Clone()
		h.Set(name, value)
		return h
	}
	const commands = "/v1/bots/demo/commands"
	for _, try := range []struct {
		method, url string
		header      http.Header
		body        []byte
		status      int
	}{
		{"POST", s.base + commands, good, hello, 202},
		{"POST", s.base + commands, with("Idempotency-Key", "k"), hello, 202},
		{"POST", s.base + commands, with("Idempotency-Key", "k"), hello, 202},
		{"POST", s.base + commands, with("Idempotency-Key", "k"), []byte(`{"command":"/other"}`), 422},
		{"POST", s.base + commands, with("Botgate-Deliver-At", time.Now().Add(time.Hour).Format(time.RFC3339)), hello, 202},
		{"POST", s.base + commands, with("Botgate-Deliver-At", "soon"), hello, 400},
		{"DELETE", s.base + "/v1/events/nothing", good, nil, 404},
		{"POST", s.base + commands, good, []byte(`{`), 400},
		{"POST", s.base + commands, nil, hello, 401},
		{"POST", s.base + commands, bearer(s.tokenWith(jwt.MapClaims{"scope": ""})), hello, 403},
		{"POST", s.base + "/v1/bots/nobody/commands", good, hello, 404},
		{"POST", s.base + commands, good, bytes.Repeat([]byte(" "), 2<<20), 413},
		{"POST", s.base + commands, with("Content-Type", "text/plain"), hello, 415},
		{"POST", s.base + commands, good, []byte(`{}`), 422},
		{"GET", s.base + "/v1/events", good, nil, 200},
		{"GET", s.base + "/v1/events/nothing", good, nil, 404},
		{"GET", s.base + "/v1/dead", good, nil, 200},
		{"GET", s.base + "/v1/users/alice?at=then", good, nil, 400},
		{"GET", s.base + "/v1/bots/demo/stats?from=then", good, nil, 400},
		{"GET", s.base + "/openapi.json", with("X-Botgate-Bot", "x"), nil, 200},
		{"GET", s.base + "/openapi.html", nil, nil, 200},
		{"GET", s.base + "/healthz", nil, nil, 200},
		{"GET", s.base + "/readyz", nil, nil, 200},
		{"GET", s.api + "/healthz", nil, nil, 200},
		{"GET", s.api + "/readyz", nil, nil, 200},
		{"GET", s.base + "/readyz/self", nil, nil, 200},
		{"GET", s.api + "/readyz/self", nil, nil, 200},
	} {
		request, err := http.NewRequestWithContext(t.Context(), try.method, try.url, bytes.NewReader(try.body))
		require.NoError(t, err)
		if request.Header = try.header.Clone(); request.Header == nil {
			request.Header = http.Header{"Content-Type": {"application/json"}}
		}
		response, err := httpClient.Do(request)
		require.NoError(t, err)
		require.Equal(t, try.status, response.StatusCode, "%s %s", try.method, try.url)
		c.Check(try.method, response)
		response.Body.Close()
	}
	for _, operation := range []string{"POST /v1/bots/{bot}/commands", "GET /healthz", "GET /readyz"} {
		require.True(t, c.Used(operation), operation)
	}
	s.requireRoutes(good, c.Operations())
}

// requireRoutes asks the gateway for each operation, with names that nothing has: where a route is missing, the 404 is
// not the API's.
func (s *stack) requireRoutes(header http.Header, operations []string) {
	s.t.Helper()
	fill := strings.NewReplacer("{bot}", "demo", "{user}", "nobody", "{id}", "nothing")
	for _, operation := range append(operations, "GET /metrics") {
		method, path, _ := strings.Cut(fill.Replace(operation), " ")
		request, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, nil)
		require.NoError(s.t, err)
		request.Header = header
		response, err := httpClient.Do(request)
		require.NoError(s.t, err)
		missing := response.StatusCode == http.StatusMethodNotAllowed
		if response.StatusCode == http.StatusNotFound { // A stream would not end.
			body, err := io.ReadAll(response.Body)
			require.NoError(s.t, err)
			missing = strings.Contains(string(body), "about:blank")
		}
		response.Body.Close()
		require.Equal(s.t, operation == "GET /metrics", missing, operation)
	}
}
