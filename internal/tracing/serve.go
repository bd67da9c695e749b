package tracing

import (
	"net/http"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Served is the span of a request that this process answers.
type Served struct {
	// Request is the request in the context of the span; its header names the span as the parent of what upstreams do.
	Request *http.Request
	span    trace.Span
}

// asServer is the kind of a [Served].
var asServer = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

// Serve begins the span of a request: POST /v1/bots/{bot}/commands for a route, or the method alone. The parent that
// the request names is that of the span only where it is trusted; otherwise there is a link. End ends it.
func Serve(tracer trace.Tracer, r *http.Request, route string, trusted bool) Served {
	ctx, opts := r.Context(), asServer
	if given := Parse(r.Header.Get(Header)); given.IsValid() {
		if trusted {
			ctx = trace.ContextWithRemoteSpanContext(ctx, given)
		} else {
			opts = append(slices.Clip(opts), trace.WithLinks(trace.Link{SpanContext: given}))
		}
	}
	if !trusted {
		r.Header.Del(StateHeader)
	}
	method := methodOf(r)
	ctx, span := tracer.Start(ctx, method, opts...)
	r.Header.Set(Header, TraceParent(span.SpanContext()))
	if span.IsRecording() {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("url.scheme", scheme))
		if route != "" {
			span.SetName(method + " " + route)
			span.SetAttributes(attribute.String("http.route", route))
		}
	}
	return Served{r.WithContext(ctx), span}
}

// Writer is what the answer goes to, so that its status is seen.
func (s Served) Writer(w http.ResponseWriter) http.ResponseWriter {
	if !s.span.IsRecording() {
		return w
	}
	return &seen{ResponseWriter: w, served: s}
}

// Answered is the status of the answer. A refusal is no error of the server.
func (s Served) Answered(status int) { SetStatus(s.span, status, http.StatusInternalServerError) }

// End ends the span.
func (s Served) End() { s.span.End() }

// SetStatus notes the status of an answer, which is an error from a status on.
func SetStatus(span trace.Span, status, from int) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= from {
		Fail(span, strconv.Itoa(status))
	}
}

// Fail says that what a span is about failed, and by which of a fixed set of causes. It takes no error, whose text
// may hold a secret.
func Fail(span trace.Span, cause string) {
	span.SetStatus(codes.Error, "")
	span.SetAttributes(attribute.String("error.type", cause))
}

// methodOf keeps senders from making up names of spans.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "HTTP"
}

// seen is a writer that notes the status.
type seen struct {
	http.ResponseWriter
	served Served
	begun  bool
}

// WriteHeader implements [http.ResponseWriter].
func (s *seen) WriteHeader(status int) {
	if !s.begun && status >= http.StatusOK {
		s.begun = true
		s.served.Answered(status)
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (s *seen) Write(body []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.served.Answered(http.StatusOK)
	}
	return s.ResponseWriter.Write(body)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
