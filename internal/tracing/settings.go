package tracing

import (
	"fmt"
	"os"
	"strings"
)

// The variables that are looked at here; the exporter reads those that begin with [envOTLP] itself.
const (
	envOTLP       = "OTEL_EXPORTER_OTLP_"
	envExporter   = "OTEL_TRACES_EXPORTER"
	envDisabled   = "OTEL_SDK_DISABLED"
	envProtocol   = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTraces     = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	envSampler    = "OTEL_TRACES_SAMPLER"
	envSamplerArg = "OTEL_TRACES_SAMPLER_ARG"
)

// Configured reports whether the environment asks for traces: by OTEL_TRACES_EXPORTER, or by any variable that
// begins with OTEL_EXPORTER_OTLP_. OTEL_TRACES_EXPORTER=none and OTEL_SDK_DISABLED=true ask for none.
func Configured() bool {
	exporter := os.Getenv(envExporter)
	if exporter == "none" || strings.EqualFold(os.Getenv(envDisabled), "true") {
		return false
	}
	if exporter != "" {
		return true
	}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, envOTLP) && value != "" {
			return true
		}
	}
	return false
}

// checkExporter refuses what is not built in.
func checkExporter() error {
	if name := os.Getenv(envExporter); name != "" && name != "otlp" {
		return fmt.Errorf("%s: %q is not supported; use otlp or none", envExporter, name)
	}
	for _, name := range []string{envProtocol, envTraces} {
		if value := os.Getenv(name); value != "" && value != "http/protobuf" {
			return fmt.Errorf("%s: %q is not supported; use http/protobuf", name, value)
		}
	}
	return nil
}
