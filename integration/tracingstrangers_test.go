package integration

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestOnlyTrustedProxiesNameAParent has nothing sampled but what a proxy wants to be, with all that comes of it: a body in
// the blob store, and a job.
func TestOnlyTrustedProxiesNameAParent(t *testing.T) {
	t.Parallel()
	const proxy, stranger = "127.0.0.2", "127.0.0.3"
	s, sink := newStack(t), tracetest.NewSink(t)
	s.env = append(s.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+sink.URL, "OTEL_TRACES_SAMPLER_ARG=0", "OTEL_BSP_SCHEDULE_DELAY=100",
		"BOTGATE_TRUSTED_PROXIES="+proxy, "BOTGATE_BLOB_THRESHOLD=1")
	s.startEmbedded()
	header := bearer(s.tokenWith(jwt.MapClaims{"scope": "commands:write events:admin"}))
	header.Set("Traceparent", "00-"+strangersTrace+"-00f067aa0ba902b7-01")
	for _, from := range []string{stranger, proxy} { // In this order, so that the second one's are the last.
		for path, body := range map[string]string{"/v1/bots/demo/commands": string(hello), "/v1/jobs": `{"kind":"dead-drop","all":true}`} {
			a, err := sendFrom(t.Context(), from, s.base+path, header, []byte(body))
			require.NoError(t, err)
			require.Equal(t, http.StatusAccepted, a.status)
		}
	}
	eventually(t, func() error {
		for _, name := range []string{"process botgate.dispatch", "process botgate.record", "job dead-drop"} {
			if len(sink.Named(name)) == 0 {
				return fmt.Errorf("no span %s", name)
			}
		}
		return nil
	})
	require.Zero(t, s.gateway.stop())
	requests, jobs, asked := sink.Named("POST /v1/bots/{bot}/commands"), sink.Named("job dead-drop"), sink.Named("POST /v1/jobs")
	require.Len(t, jobs, 1)
	require.Len(t, asked, 1)
	require.True(t, jobs[0].LinksTo(asked[0]))
	require.Empty(t, jobs[0].ParentSpanId)
	require.Len(t, requests, 1)
	require.Equal(t, strangersTrace, hex.EncodeToString(requests[0].TraceId))
	require.Equal(t, "00f067aa0ba902b7", hex.EncodeToString(requests[0].ParentSpanId))
	for _, name := range []string{"publish botgate.events", "process botgate.dispatch", "put blob", "get blob"} {
		require.NotEmpty(t, sink.Named(name))
		for _, span := range sink.Named(name) {
			require.Equal(t, strangersTrace, hex.EncodeToString(span.TraceId), name)
		}
	}
}
