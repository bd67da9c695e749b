package bottrace

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/botgate/botgate/modules/internal/adapttest"
)

func TestAdapt(t *testing.T) {
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	adapttest.Run(t)
}

// Where the environment asks for no traces, requests pass no handler.
func TestNothingIsInThePath(t *testing.T) {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(":8080 {\n\tbot_trace\n}\n"), nil)
	require.NoError(t, err)
	require.NotContains(t, string(adapted), "bot_trace")
}

func TestRouteIsATemplate(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, (&Handler{Route: "v1"}).Validate(), "must begin with /")
	require.NoError(t, (&Handler{Route: "/v1/bots/{bot}/commands"}).Validate())
}

func TestErrorsPassOn(t *testing.T) {
	t.Parallel()
	failure := caddyhttp.Error(http.StatusBadGateway, errors.New("away"))
	for _, tracer := range []trace.Tracer{nil, noop.NewTracerProvider().Tracer("")} {
		h := Handler{tracer: tracer}
		err := h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), caddyhttp.HandlerFunc(
			func(http.ResponseWriter, *http.Request) error { return failure }))
		require.Equal(t, failure, err)
	}
}
