package integration

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/tracing/tracetest"
)

// collectorVariable names the collector that deploy/logs builds; `make logs-check` sets it.
const collectorVariable = "BOTGATE_COLLECTOR"

// TestLogsAreShipped runs the example of deploy/logs on what a gateway wrote, and on what a backend wrote as Kubernetes
// keeps it. Each line arrives at a server of OTLP once, with its level, its trace and the request that it is about.
func TestLogsAreShipped(t *testing.T) {
	t.Parallel()
	collector := os.Getenv(collectorVariable)
	if collector == "" {
		t.Skip("part of make logs-check")
	}
	gateway, backend := writtenLogs(t)
	sink, dir := newLogSink(t), t.TempDir()
	var wrapped strings.Builder
	for line := range strings.Lines(backend.output.String()) {
		wrapped.WriteString("2026-03-01T12:00:00.000000001Z stderr F " + line)
	}
	plain := filepath.Join(dir, "gateway.log")
	require.NoError(t, os.WriteFile(plain, []byte(gateway.output.String()), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "backend.log"), []byte(wrapped.String()), 0o600))

	config, err := filepath.Abs("../deploy/logs/collector.yaml")
	require.NoError(t, err)
	quiet := filepath.Join(dir, "quiet.yaml") // Without a port for its own metrics.
	require.NoError(t, os.WriteFile(quiet, []byte("service: {telemetry: {metrics: {level: none}}}"), 0o600))
	ship := func() *process {
		env := []string{"BOTGATE_LOGS=" + dir + "/*.log", "OTLP_ENDPOINT=" + sink.url, "COLLECTOR_DATA=" + dir + "/data"}
		return start(t, dir, env, collector, "--config", config, "--config", quiet)
	}
	first := ship()
	want := append(rowsOf(t, gateway), rowsOf(t, backend)...)
	require.ElementsMatch(t, want, sink.await(t, len(want)))
	require.Zero(t, first.stop())

	// What is new after a restart arrives, and nothing again.
	crash := gateway.output.String() + "fatal error: no JSON\n"
	require.NoError(t, os.WriteFile(plain, []byte(crash), 0o600))
	ship()
	got := sink.await(t, len(want)+1)
	require.Contains(t, got[len(want)], "fatal error: no JSON")
}

// writtenLogs has a gateway and a backend write about a request that is refused, and about one whose bot fails.
func writtenLogs(t *testing.T) (gateway, backend *process) {
	t.Helper()
	s := newStack(t)
	s.env = append(s.env, "BOTGATE_ROLES=none", "OTEL_TRACES_SAMPLER=always_on",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+tracetest.NewSink(t).URL)
	s.startGateway()
	backend = start(t, s.dir, s.env, backendBinary, "--roles", "record,dispatch,api")
	s.waitReady(s.api, backend)
	s.bot.failWith(func(delivered) int { return http.StatusServiceUnavailable })
	_, err := s.command(s.token("alice"), "", hello)
	require.NoError(t, err)
	failed := awaitRecord(t, backend, "attempts to deliver to a bot fail")
	require.NotEmpty(t, failed["request_id"])
	_, err = send(http.MethodGet, s.base+"/v1/events", bearer("bad"), nil)
	require.NoError(t, err)
	refused := awaitRecord(t, s.gateway, "request refused")
	require.NotEmpty(t, refused["request_id"])
	require.NotEmpty(t, refused["trace_id"])
	require.Zero(t, backend.stop())
	require.Zero(t, s.gateway.stop())
	return s.gateway, backend
}

// row is what is compared of a record.
func row(level, at, message, service, instance, request, trace, span any) string {
	return fmt.Sprint(level, " ", at, " ", message, " ", service, " ", instance, " ", request, " ", trace, " ", span)
}

// rowsOf are the records that a process wrote.
func rowsOf(t *testing.T, p *process) (rows []string) {
	t.Helper()
	for _, record := range records(t, p) {
		of := func(field string) string {
			text, _ := record[field].(string)
			return text
		}
		rows = append(rows, row(of(logformat.Level), of(logformat.Time), of(logformat.Message), of(logformat.Service),
			of(logformat.Instance), of("request_id"), of("trace_id"), of("span_id")))
	}
	return rows
}

// logSink is a server of OTLP that keeps what it gets.
type logSink struct {
	url  string
	mu   sync.Mutex
	rows []string
}

func newLogSink(t *testing.T) *logSink {
	t.Helper()
	s := new(logSink)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ServeHTTP implements [http.Handler].
func (s *logSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	unpacked, err := gzip.NewReader(r.Body)
	if err == nil {
		body, err = io.ReadAll(unpacked)
	}
	request := new(collectorpb.ExportLogsServiceRequest)
	if err != nil || r.URL.Path != "/v1/logs" || proto.Unmarshal(body, request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range request.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			for _, record := range scope.LogRecords {
				s.rows = append(s.rows, shippedRow(record, resource.GetResource().GetAttributes()))
			}
		}
	}
}

// levels are the severities that a collector makes of ours.
var levels = map[logspb.SeverityNumber]string{
	logspb.SeverityNumber_SEVERITY_NUMBER_DEBUG: "debug", logspb.SeverityNumber_SEVERITY_NUMBER_INFO: "info",
	logspb.SeverityNumber_SEVERITY_NUMBER_WARN: "warn", logspb.SeverityNumber_SEVERITY_NUMBER_ERROR: "error",
}

// shippedRow is the row of a record that arrived.
func shippedRow(r *logspb.LogRecord, resource []*commonpb.KeyValue) string {
	of := func(attributes []*commonpb.KeyValue, name string) string {
		for _, a := range attributes {
			if a.Key == name {
				return a.Value.GetStringValue()
			}
		}
		return ""
	}
	return row(levels[r.SeverityNumber], time.Unix(0, int64(r.TimeUnixNano)).UTC().Format(logformat.TimeLayout), r.Body.GetStringValue(),
		of(resource, "service.name"), of(resource, "service.instance.id"),
		of(r.Attributes, "request_id"), hex.EncodeToString(r.TraceId), hex.EncodeToString(r.SpanId))
}

// await waits for as many records, and returns them; more fail the test.
func (s *logSink) await(t *testing.T, n int) (rows []string) {
	t.Helper()
	eventually(t, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		rows = slices.Clone(s.rows)
		if len(rows) < n {
			return fmt.Errorf("%d of %d records arrived", len(rows), n)
		}
		return nil
	})
	require.Len(t, rows, n)
	return rows
}
