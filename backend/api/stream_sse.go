package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/botgate/botgate/backend/notify"
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

// begin writes the header, and the id with which a client that got nothing reconnects.
func (e *eventWriter) begin(id string) {
	e.w.Header().Set("X-Accel-Buffering", "no")
	e.w.begin(http.StatusOK, "text/event-stream", notKept)
	fmt.Fprintf(&e.buf, "retry: %d\nid: %s\n\n", retryMS, id)
}

// beat writes a heartbeat: a comment, and an id without an event, which clients remember.
func (e *eventWriter) beat(id string) { fmt.Fprintf(&e.buf, ": beat\nid: %s\n\n", id) }

// event writes what happened to an event, in one line. The cursor is not shown: the id has it.
func (e *eventWriter) event(id string, n notify.Notice) error {
	n.Cursor = ""
	line, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encoding an event of a stream: %w", err)
	}
	fmt.Fprintf(&e.buf, "id: %s\nevent: %s\ndata: %s\n\n", id, n.Status, line)
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
