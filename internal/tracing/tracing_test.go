package tracing_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// start makes a provider for a collector, whose environment has these variables, too.
func start(t *testing.T, endpoint string, variables ...string) *tracing.Provider {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	for n := 0; n < len(variables); n += 2 {
		t.Setenv(variables[n], variables[n+1])
	}
	p, err := tracing.Start(t.Context(), tracing.Config{Service: "test", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestNothingIsConfigured(t *testing.T) {
	p, err := tracing.Start(t.Context(), tracing.Config{})
	require.NoError(t, err)
	require.Nil(t, p.Tracer())
	require.NoError(t, p.Close())

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	require.True(t, tracing.Configured())
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	require.False(t, tracing.Configured())
}

func TestWrongVariablesAreNamed(t *testing.T) {
	for _, c := range [][2]string{
		{"OTEL_TRACES_EXPORTER", "zipkin"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
		{"OTEL_TRACES_SAMPLER", "some"},
		{"OTEL_TRACES_SAMPLER_ARG", "2"},
		{"OTEL_TRACES_SAMPLER_ARG", "NaN"},
	} {
		t.Run(c[0]+"="+c[1], func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(c[0], c[1])
			_, err := tracing.Start(t.Context(), tracing.Config{Service: "test"})
			require.ErrorContains(t, err, c[0])
		})
	}
}

// What a collector that hangs does not take is dropped and counted. What it is to a stop, TestStopWaitsASecond says.
func TestHangingCollectorHoldsNothingUp(t *testing.T) {
	sink := tracetest.NewSink(t)
	sink.Hang()
	p := start(t, sink.URL, "OTEL_TRACES_SAMPLER", "always_on", "OTEL_BSP_EXPORT_TIMEOUT", "30000")
	before := testutil.ToFloat64(tracing.Collectors()[0])
	for range 5000 {
		_, span := p.Tracer().Start(t.Context(), "x")
		span.End()
	}
	require.GreaterOrEqual(t, testutil.ToFloat64(tracing.Collectors()[0])-before, 5000.0-2048, "what is not queued is counted")
	require.NoError(t, p.Close())
}

func TestStrangersForceNoSampling(t *testing.T) {
	const given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for name, c := range map[string]struct {
		arg                      string
		trusted, sampled, parent bool
	}{
		"a stranger":                        {"0", false, false, false},
		"a trusted proxy":                   {"0", true, true, true},
		"a stranger whose trace is sampled": {"1", false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			sink := tracetest.NewSink(t)
			p := start(t, sink.URL, "OTEL_TRACES_SAMPLER_ARG", c.arg)
			r := httptest.NewRequest(http.MethodPost, "/v1/x?token=private", nil)
			r.Header.Set("Traceparent", given)
			served := tracing.Serve(p.Tracer(), r, "/v1/{x}", c.trusted)
			served.Writer(httptest.NewRecorder()).WriteHeader(http.StatusTooManyRequests)
			served.End()
			span := trace.SpanContextFromContext(served.Request.Context())
			require.Equal(t, c.sampled, span.IsSampled())
			require.Equal(t, c.parent, span.TraceID() == tracing.Parse(given).TraceID())
			require.Equal(t, tracing.TraceParent(span), served.Request.Header.Get("Traceparent"), "upstreams get the span's")
			require.NoError(t, p.Close())
			if !c.sampled {
				require.Empty(t, sink.Spans())
				return
			}
			got := sink.Named("POST /v1/{x}")
			require.Len(t, got, 1)
			require.Equal(t, "test", got[0].Service)
			require.Equal(t, int64(429), got[0].Attribute("http.response.status_code"))
			require.False(t, got[0].Failed(), "a refusal is no failure")
			require.Len(t, got[0].Links, map[bool]int{true: 0, false: 1}[c.trusted])
			require.NotContains(t, string(sink.Raw()), "private")
		})
	}
}

func TestEachEventOfABatchHasASpan(t *testing.T) {
	sink := tracetest.NewSink(t)
	p := start(t, sink.URL, "OTEL_TRACES_SAMPLER", "always_on")
	events := make([]*event.Event, 40)
	contexts := map[string]int{}
	for n := range events {
		events[n] = &event.Event{ID: "e", Bot: "demo", Subject: "private"}
	}
	_, span := tracing.NewMessaging(p.Tracer(), "amqp://").Publish(t.Context(), events...)
	span.End()
	for _, e := range events {
		contexts[e.TraceParent]++
	}
	require.Len(t, contexts, 33, "the rest shares one")
	require.NoError(t, p.Close())
	require.Len(t, sink.Named("create botgate.events"), 32)
	require.Len(t, sink.Named("publish botgate.events"), 1)
	require.NotContains(t, string(sink.Raw()), "private")
}

func TestTraceParent(t *testing.T) {
	for given, want := range map[string][2]string{
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": {
			"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
		},
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": {"", ""},
		"": {"", ""}, "x": {"", ""},
	} {
		require.Equal(t, want, [2]string{tracing.TraceParent(tracing.Parse(given)), tracing.Unforced(given)}, given)
	}
}

// What a queue brought is sampled as what it links to, at any ratio; a stranger's link at the edge decides nothing.
func TestWhatComesLaterIsSampledAsItsPublish(t *testing.T) {
	sink := tracetest.NewSink(t)
	p := start(t, sink.URL, "OTEL_TRACES_SAMPLER_ARG", "0")
	m := tracing.NewMessaging(p.Tracer(), "amqp://")
	const sampled, not = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
	at := func(traceParent string, age time.Duration) *event.Event {
		return &event.Event{ID: "e", Bot: "demo", TraceParent: traceParent, Time: time.Now().Add(-age)}
	}
	for name, c := range map[string]struct {
		of              *event.Event
		attempt         tracing.Attempt
		sampled, within bool
	}{
		"first":            {at(sampled, 0), tracing.Attempt{Number: 1}, true, true},
		"first, late":      {at(sampled, time.Hour), tracing.Attempt{Number: 1}, true, false},
		"second":           {at(sampled, 0), tracing.Attempt{Number: 2}, true, false},
		"replay":           {at(sampled, 0), tracing.Attempt{Number: 1, Replays: 1}, true, false},
		"first of another": {at(not, 0), tracing.Attempt{Number: 1}, false, true},
		"late of another":  {at(not, time.Hour), tracing.Attempt{Number: 1}, false, false},
		"of nothing":       {at("", 0), tracing.Attempt{Number: 1}, false, false},
	} {
		_, span := m.Process(t.Context(), c.of, c.attempt)
		span.End()
		require.Equal(t, c.sampled, span.SpanContext().IsSampled(), name)
		require.Equal(t, c.within, span.SpanContext().TraceID() == tracing.Parse(c.of.TraceParent).TraceID(), name)
	}
	_, none := m.ProcessBatch(t.Context(), "", slices.Values([]*event.Event{at(not, 0), at("", 0)}))
	require.False(t, none.SpanContext().IsValid(), "nobody looks at it")
	_, batch := m.ProcessBatch(t.Context(), "a", slices.Values([]*event.Event{at(not, 0), at(sampled, 0), at(sampled, 0)}))
	batch.End()
	require.NoError(t, p.Close())
	require.Len(t, sink.Named("process botgate.dispatch"), 4)
	got := sink.Named("process botgate.record")
	require.Len(t, got, 1)
	require.Len(t, got[0].Links, 1)
	require.Equal(t, int64(3), got[0].Attribute("messaging.batch.message_count"))
}

func TestRecordsNameTheirSpan(t *testing.T) {
	require.Empty(t, tracing.LogAttrs(t.Context()))
	sink := tracetest.NewSink(t)
	ctx, span := start(t, sink.URL).Tracer().Start(t.Context(), "x")
	attrs := tracing.LogAttrs(ctx)
	require.Equal(t, "trace_id="+span.SpanContext().TraceID().String(), attrs[0].String())
	require.Equal(t, "span_id="+span.SpanContext().SpanID().String(), attrs[1].String())
}

func TestNoMessagingMakesNoSpans(t *testing.T) {
	m := tracing.NewMessaging(nil, "amqp://")
	e := &event.Event{ID: "e", TraceParent: "kept"}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		ctx, span := m.Publish(context.Background(), e)
		m.Tell(ctx, e).End()
		_, attempt := m.Process(ctx, e, tracing.Attempt{Number: 1})
		attempt.End()
		span.End()
	}))
	require.Equal(t, "kept", e.TraceParent)
}
