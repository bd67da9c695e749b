package cache

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// TestSpansSayWhatMemoryHad and the load is a step of a miss.
func TestSpansSayWhatMemoryHad(t *testing.T) {
	t.Parallel()
	c, _ := open(t, patient(), "")
	spans, load := tracetest.NewRecorder(t), newTable("private").load
	ctx, request := spans.Start(t.Context(), "request")
	for range 2 {
		_, err := c.Get(ctx, "private", func(ctx context.Context) (string, error) {
			_, step := tracing.Child(ctx, "load", trace.SpanKindClient)
			defer step.End()
			return load(ctx)
		})
		require.NoError(t, err)
	}
	const name = "cache{botgate.cache.name=test botgate.cache.memory="
	require.Equal(t, []string{"load{}", name + "miss}", name + "hit}"}, spans.Lines())
	ended := spans.Ended()
	require.Equal(t, ended[1].SpanContext(), ended[0].Parent())
	require.Equal(t, request.SpanContext(), ended[1].Parent())
}
