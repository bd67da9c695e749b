package boterrors

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/modules/internal/adapttest"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

func TestAdapt(t *testing.T) { adapttest.Run(t) }

// handler makes one that writes to a log.
func handler() (*Handler, *testlog.Buffer) {
	log := new(testlog.Buffer)
	now := time.Now()
	return &Handler{logger: log.Logger(), sampler: requestlog.NewSampler(func() time.Time { return now })}, log
}

// serve has the handler see a request that ended with an error.
func serve(t *testing.T, h *Handler, upstream string, err error) {
	t.Helper()
	repl := caddy.NewReplacer()
	if upstream != "" {
		repl.Set("http.reverse_proxy.upstream.address", upstream)
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/events?access_token=private", nil)
	r.Header.Set("Authorization", "Bearer private")
	r = caddyhttp.PrepareRequest(r, repl, httptest.NewRecorder(), &caddyhttp.Server{})
	r = (&caddyhttp.HTTPErrorConfig{}).WithError(r, err)
	passed := false
	require.NoError(t, h.ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(
		func(http.ResponseWriter, *http.Request) error { passed = true; return nil })))
	require.True(t, passed)
}

func TestFailureIsLogged(t *testing.T) {
	t.Parallel()
	h, log := handler()
	serve(t, h, "127.0.0.1:8081", caddyhttp.Error(http.StatusBadGateway, errors.New("connection refused")))
	line := log.String()
	require.Contains(t, line, "level=WARN")
	require.Contains(t, line, `status=502`)
	require.Contains(t, line, `path=/v1/events `)
	require.Contains(t, line, `upstream=127.0.0.1:8081 error="connection refused"`)
	require.NotContains(t, line, "private")
}

func TestErrorWithoutStatusIsAFailure(t *testing.T) {
	t.Parallel()
	h, log := handler()
	serve(t, h, "", errors.New("broken"))
	require.Contains(t, log.String(), "status=500")
}

func TestRefusalIsNotLogged(t *testing.T) {
	t.Parallel()
	h, log := handler()
	serve(t, h, "", caddyhttp.Error(http.StatusNotFound, nil))
	require.Empty(t, log.String())
}

func TestManyFailuresAreSampled(t *testing.T) {
	t.Parallel()
	h, log := handler()
	for range 1000 {
		serve(t, h, "127.0.0.1:8081", caddyhttp.Error(http.StatusBadGateway, errors.New("connection refused")))
	}
	require.Equal(t, 30, strings.Count(log.String(), "\n"))
	require.Contains(t, log.String(), "suppressed=99")
	serve(t, h, "127.0.0.1:8081", caddyhttp.Error(http.StatusServiceUnavailable, errors.New("no upstreams available")))
	require.Contains(t, log.String(), "status=503", "another status is heard of")
}
