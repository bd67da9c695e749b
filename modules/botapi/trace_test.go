package botapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/tracing"
)

// TestStrangersDecideNothingAtTheBackend who name a span that is sampled, to a gateway that makes none.
func TestStrangersDecideNothingAtTheBackend(t *testing.T) {
	const given, own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	seen := make(chan http.Header, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	t.Cleanup(upstream.Close)
	h, _, err := provision(t, `{"upstreams": [{"dial": "`+upstream.Listener.Addr().String()+`"}]}`, "")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		trusted bool
		span    string
		passed  bool
	}{
		"a stranger":      {false, "", false},
		"a trusted proxy": {true, "", true},
		"a span":          {false, own, true},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/v1/events", nil)
		r.Header.Set("Traceparent", given)
		r.Header.Set("Tracestate", "vendor=x")
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, &caddyhttp.Server{})
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, c.trusted)
		caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.1")
		require.NoError(t, h.ServeHTTP(w, r.WithContext(withSpan(r.Context(), c.span)), nil))
		got := <-seen
		require.Equal(t, c.passed, got.Get("Traceparent") == given, name)
		require.Equal(t, c.passed, got.Get("Tracestate") != "", name)
	}
}

func withSpan(ctx context.Context, traceParent string) context.Context {
	return trace.ContextWithSpanContext(ctx, tracing.Parse(traceParent))
}
