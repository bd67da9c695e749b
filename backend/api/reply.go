package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"
)

const jsonType = "application/json"

// response is a [http.ResponseWriter] that counts the answer once it begins.
type response struct {
	http.ResponseWriter
	// route is the label of metrics.
	route   string
	metrics *metrics
	started time.Time
	span    trace.SpanContext // Invalid without one.
	// begun is set once the status was sent, after which no problem can be.
	begun bool
	// status is what was sent.
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *response) WriteHeader(status int) {
	if !w.begun {
		w.begun, w.status = true, status
		w.metrics.observe(w.route, status, time.Since(w.started), w.span)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// begin sends status and headers; what follows may be kept by clients as the header Cache-Control says.
func (w *response) begin(status int, contentType, cache string) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Cache-Control", cache)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
}

const (
	notKept = "no-store"
	// revalidated documents may be kept by the client, who asks each time whether they still hold. That goes for the
	// past too: what happened then may be recorded later, and an erased user's events must be gone.
	revalidated = "private, no-cache"
)

// send answers with a JSON document that clients must not keep.
func (w *response) send(status int, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	w.sendBytes(status, notKept, body)
	return nil
}

// sendKeptJSON encodes a document for sendKept.
func (w *response) sendKeptJSON(r *http.Request, document any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return fmt.Errorf("encoding an answer: %w", err)
	}
	w.sendKept(r, versionOf(body), body)
	return nil
}

// sendKept answers with a JSON document that clients may keep, or that they have it already.
func (w *response) sendKept(r *http.Request, version string, body []byte) {
	w.sendKeptAs(r, version, jsonType, body)
}

// sendKeptAs does the same with another content type.
func (w *response) sendKeptAs(r *http.Request, version, contentType string, body []byte) {
	w.Header().Set("ETag", `"`+version+`"`)
	if matchesAny(r.Header.Values("If-None-Match"), version) {
		w.begin(http.StatusNotModified, "", revalidated)
		return
	}
	w.sendBytesAs(http.StatusOK, revalidated, contentType, body)
}

func (w *response) sendBytes(status int, cache string, body []byte) {
	w.sendBytesAs(status, cache, jsonType, body)
}

func (w *response) sendBytesAs(status int, cache, contentType string, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.begin(status, contentType, cache)
	// The client may be gone; then nobody reads the answer.
	_, _ = w.Write(body) //nolint:gosec // JSON, never shown as a page; a page whose template escapes; or a bot's bytes, which are sandboxed.
}

// extend gives the connection another span of time, from now on, than the server's timeouts do.
func (w *response) extend(span time.Duration) {
	// A connection without deadlines has no timeouts either.
	control, until := http.NewResponseController(w.ResponseWriter), time.Now().Add(span)
	_ = control.SetReadDeadline(until) // The server reads to notice that the client is gone.
	_ = control.SetWriteDeadline(until)
}
