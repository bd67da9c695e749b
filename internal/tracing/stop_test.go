package tracing

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// hanging is a collector that answers nothing.
type hanging struct{}

func (hanging) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	<-ctx.Done()
	return ctx.Err()
}
func (hanging) Shutdown(context.Context) error { return nil }

// TestStopWaitsASecond for a collector that hangs, by a clock that no other work on the machine delays: whatever is
// queued, and also where a request is under way when the stop begins.
func TestStopWaitsASecond(t *testing.T) {
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "30000")
	for name, lead := range map[string]time.Duration{"at once": 0, "a request is under way": 5*time.Second + time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := provide(hanging{}, slog.New(slog.DiscardHandler))
				for range maxQueued {
					_, span := p.Tracer().Start(t.Context(), "x")
					span.End()
				}
				<-time.After(lead)
				began := time.Now()
				require.NoError(t, p.Close())
				require.LessOrEqual(t, time.Since(began), exportTimeout)
				<-time.After(maxQueued * exportTimeout) // The SDK gives up the rest, a batch a second.
			})
		})
	}
}
