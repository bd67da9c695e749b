package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestSpansHaveTheRouteAndNothingOfTheRequest of routes that are there and others, with the gateway's span as their
// parent.
func TestSpansHaveTheRouteAndNothingOfTheRequest(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	const attributes = "http.request.method=GET url.scheme=http"
	for target, want := range map[string]string{
		"/v1/events/private?fields=id": "!GET /v1/events/{id}{" + attributes + " http.route=/v1/events/{id} http.response.status_code=500 error.type=500}",
		"/v1/private":                  "GET{" + attributes + " http.response.status_code=404}",
		"/v1/users/../private":         "GET{" + attributes + " http.response.status_code=400}",
	} {
		spans := tracetest.NewRecorder(t)
		h := handler(t, Config{Reader: &fakeReader{err: errors.New("private")}, Tracer: spans})
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Header.Set(tracing.Header, parent)
		h.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, []string{want}, spans.Lines())
		require.Equal(t, tracing.Parse(parent), spans.Ended()[0].Parent())
	}
}
