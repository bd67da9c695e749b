package tracing

import (
	"fmt"
	"strconv"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// DefaultRatio is the part of traces that are sampled where the environment does not say.
const DefaultRatio = 0.01

// sampler reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. Without the first, the sampler is
// parentbased_traceidratio with [DefaultRatio], or with the second.
func sampler(name, arg string) (sdktrace.Sampler, error) {
	ratio := 1.0
	if name == "" {
		name, ratio = "parentbased_traceidratio", DefaultRatio
	}
	if arg != "" {
		var err error
		if ratio, err = strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, fmt.Errorf("%s: %q is no ratio from 0 to 1", envSamplerArg, arg)
		}
	}
	switch name {
	case "always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(ratio), nil
	case "parentbased_always_on":
		return parentBased(sdktrace.AlwaysSample()), nil
	case "parentbased_always_off":
		return parentBased(sdktrace.NeverSample()), nil
	case "parentbased_traceidratio":
		return parentBased(sdktrace.TraceIDRatioBased(ratio)), nil
	}
	return nil, fmt.Errorf("%s: %q is no sampler that is known here", envSampler, name)
}

func parentBased(root sdktrace.Sampler) sdktrace.Sampler {
	return sdktrace.ParentBased(following{root})
}

// following decides for roots. One that works on what a queue or a table brought goes by what it links to, as a child
// goes by its parent: all of a sampled event's way is there, its retries included. Links of a server's spans, which
// strangers can make, decide nothing.
type following struct{ sdktrace.Sampler }

// ShouldSample implements [sdktrace.Sampler].
func (f following) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Kind == trace.SpanKindServer || len(p.Links) == 0 {
		return f.Sampler.ShouldSample(p)
	}
	for _, link := range p.Links {
		if link.SpanContext.IsSampled() {
			return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
		}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.Drop}
}
