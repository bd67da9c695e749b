package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

const (
	// flushSize is how much is sent at once.
	flushSize = 32 << 10
	// retryMS is how long a client waits before it reconnects.
	retryMS = 2000
)

// eventWriter writes server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each write has its own timeout, and after one that
// failed there is no other.
type eventWriter struct {
	w   *response
	buf bytes.Buffer
	err error
}

func newEventWriter(w *response) *eventWriter { return &eventWriter{w: w} }

// idLine says where a client goes on; a stream whose ids are empty always begins anew.
func idLine(id string) string {
	if id == "" {
		return ""
	}
	return "id: " + id + "\n"
}

// begin writes the header, and the id with which a client that got nothing reconnects.
func (e *eventWriter) begin(id string) {
	e.w.Header().Set("X-Accel-Buffering", "no")
	e.w.begin(http.StatusOK, "text/event-stream", notKept)
	fmt.Fprintf(&e.buf, "retry: %d\n%s\n", retryMS, idLine(id))
}

// beat writes a heartbeat: a comment, and an id without an event, which clients remember.
func (e *eventWriter) beat(id string) { fmt.Fprintf(&e.buf, ": beat\n%s\n", idLine(id)) }

// event writes an event with its data in one line.
func (e *eventWriter) event(id, name string, data any) error {
	line, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encoding an event of a stream: %w", err)
	}
	fmt.Fprintf(&e.buf, "%sevent: %s\ndata: %s\n\n", idLine(id), name, line)
	if e.buf.Len() < flushSize {
		return nil
	}
	return e.flush()
}

// flush sends what was written. A client that reads nothing for long is gone.
func (e *eventWriter) flush() error {
	if e.err != nil || e.buf.Len() == 0 {
		return e.err
	}
	e.w.extend(writeMargin + streamBeat)
	if _, e.err = e.w.Write(e.buf.Bytes()); e.err == nil {
		e.err = http.NewResponseController(e.w).Flush()
	}
	e.buf.Reset()
	return e.err
}
