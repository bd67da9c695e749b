package botgate

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/tracing"
)

// service is the gateway's name in traces, unless the environment has another one.
const service = "botgate"

// startTracing acquires what spans are exported by, where the environment asks for traces.
func (a *App) startTracing() error {
	a.endTracing = func() error { return nil }
	if !tracing.Configured() {
		return nil
	}
	provider, err := tracingPool.Acquire(struct{}{}, func() (*tracing.Provider, error) {
		return tracing.Start(context.Background(), tracing.Config{Service: service, Logger: a.logger})
	})
	if err != nil {
		return err
	}
	a.tracer = provider.Tracer()
	a.messaging = tracing.NewMessaging(a.tracer, a.QueueURL)
	a.endTracing = sync.OnceValue(func() error { return tracingPool.Release(struct{}{}) })
	return nil
}

// Tracer is what spans are made with; nil where the environment asks for no traces.
func (a *App) Tracer() trace.Tracer { return a.tracer }

// Messaging makes the spans of the queue; nil where the environment asks for no traces.
func (a *App) Messaging() *tracing.Messaging { return a.messaging }
