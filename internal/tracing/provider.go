// Package tracing makes spans of what happens to events, and sends some of them to a collector by OTLP. Where the
// environment asks for none there is no tracer, and nothing in the path of a request. A tracer may be nil everywhere
// here.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/version"
)

// instrumentation names the code that makes the spans.
const instrumentation = "github.com/botgate/botgate"

// Config is what a Provider is made of.
type Config struct {
	// Service is the resource's service.name, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES has one. Required.
	Service string
	// Logger is told when the collector takes nothing. Required.
	Logger *slog.Logger
}

// Provider makes the spans of a process and exports those that are sampled. A nil one makes none.
type Provider struct {
	sdk    *sdktrace.TracerProvider
	tracer trace.Tracer
}

// Start makes a provider by the environment, or returns nil where that asks for none; see [Configured]. It dials
// nothing: a collector may be there later. An error names the variable to change. Close ends it.
func Start(ctx context.Context, cfg Config) (*Provider, error) {
	if !Configured() {
		return nil, nil
	}
	if err := checkExporter(); err != nil {
		return nil, err
	}
	sampler, err := sampler(os.Getenv(envSampler), os.Getenv(envSamplerArg))
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("%sENDPOINT: %w", envOTLP, err)
	}
	res, err := process(ctx, cfg.Service)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err), exporter.Shutdown(ctx))
	}
	return provide(exporter, cfg.Logger, sdktrace.WithResource(res), sdktrace.WithSampler(sampler)), nil
}

func provide(to sdktrace.SpanExporter, log *slog.Logger, opts ...sdktrace.TracerProviderOption) *Provider {
	sdk := sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(newBounded(to, log)))...)
	return &Provider{sdk, sdk.Tracer(instrumentation, trace.WithInstrumentationVersion(version.Number()))}
}

// process is what makes the spans.
func process(ctx context.Context, service string) (*resource.Resource, error) {
	return resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", service),
			attribute.String("service.version", version.Number()),
			attribute.String("service.instance.id", logformat.InstanceName()),
		),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
}

// Tracer is what spans are made with; nil of a nil provider.
func (p *Provider) Tracer() trace.Tracer {
	if p == nil {
		return nil
	}
	return p.tracer
}

// Close exports what is queued, as far as the collector takes it within a second: no stop waits longer for it.
func (p *Provider) Close() error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), exportTimeout)
	defer cancel()
	if err := p.sdk.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("closing the exporter of spans: %w", err)
	}
	return nil
}
