// Package tracetest has a collector for tests.
package tracetest

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Sink is a collector that takes spans by OTLP over HTTP and keeps them.
type Sink struct {
	// URL is what OTEL_EXPORTER_OTLP_ENDPOINT is to be.
	URL string

	// hangs is set while requests are not answered, until ended is closed.
	hangs atomic.Bool
	ended chan struct{}

	mu    sync.Mutex
	spans []Span
	raw   bytes.Buffer
}

// Span is a span and the process that made it.
type Span struct {
	*tracepb.Span
	// Service is the resource's service.name, and Instance its service.instance.id.
	Service, Instance string
}

// Attribute is the text or number of an attribute; nil where there is none.
func (s Span) Attribute(name string) any {
	for _, a := range s.Attributes {
		if a.Key != name {
			continue
		}
		if text := a.Value.GetStringValue(); text != "" {
			return text
		}
		return a.Value.GetIntValue()
	}
	return nil
}

// TraceParent is the span's context as a bot gets it.
func (s Span) TraceParent() string {
	return "00-" + hex.EncodeToString(s.TraceId) + "-" + hex.EncodeToString(s.SpanId) + "-01"
}

// Failed reports whether the span has the status of an error.
func (s Span) Failed() bool { return s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR }

// ChildOf reports whether the other one is the span's parent.
func (s Span) ChildOf(parent Span) bool {
	return bytes.Equal(s.TraceId, parent.TraceId) && bytes.Equal(s.ParentSpanId, parent.SpanId)
}

// LinksTo reports whether the span has a link to the other one.
func (s Span) LinksTo(other Span) bool {
	return slices.ContainsFunc(s.Links, func(l *tracepb.Span_Link) bool {
		return bytes.Equal(l.TraceId, other.TraceId) && bytes.Equal(l.SpanId, other.SpanId)
	})
}

// NewSink starts a sink that ends with the test.
func NewSink(t *testing.T) *Sink {
	t.Helper()
	s := &Sink{ended: make(chan struct{})}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(s.ended) })
	s.URL = server.URL
	return s
}

// Hang makes the sink answer nothing any more.
func (s *Sink) Hang() { s.hangs.Store(true) }

// ServeHTTP implements [http.Handler].
func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.hangs.Load() {
		<-s.ended
	}
	body, err := io.ReadAll(r.Body)
	request := new(collectorpb.ExportTraceServiceRequest)
	if err != nil || proto.Unmarshal(body, request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.raw.Write(body)
	for _, resource := range request.ResourceSpans {
		of := map[string]string{}
		for _, a := range resource.GetResource().GetAttributes() {
			of[a.Key] = a.Value.GetStringValue()
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				s.spans = append(s.spans, Span{span, of["service.name"], of["service.instance.id"]})
			}
		}
	}
}

// Spans are those that came so far.
func (s *Sink) Spans() []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.spans)
}

// Steps are the spans that came so far whose parent is the span, by their names; of several of a name it is one.
func (s *Sink) Steps(of Span) map[string]Span {
	steps := map[string]Span{}
	for _, span := range s.Spans() {
		if span.ChildOf(of) {
			steps[span.Name] = span
		}
	}
	return steps
}

// Named are the spans of a name that came so far.
func (s *Sink) Named(name string) []Span {
	return slices.DeleteFunc(s.Spans(), func(span Span) bool { return span.Name != name })
}

// Raw is all that came, byte for byte.
func (s *Sink) Raw() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.raw.Bytes())
}
