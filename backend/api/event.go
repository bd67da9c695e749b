package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// maxID is the longest id of an event, in bytes.
const maxID = 64

// eventView is an event in a list.
type eventView struct {
	ID           string       `json:"id"`
	Bot          string       `json:"bot"`
	Type         string       `json:"type"`
	Subject      string       `json:"subject,omitempty"`
	Time         time.Time    `json:"time"`
	OrderKey     string       `json:"order_key"`
	VerifiedBy   string       `json:"verified_by,omitempty"`
	ContentType  string       `json:"content_type,omitempty"`
	Status       event.Status `json:"status"`
	RecordedAt   time.Time    `json:"recorded_at"`
	UpdatedAt    time.Time    `json:"updated_at"`
	AttemptCount int          `json:"attempt_count"`
}

// attemptView is one attempt to deliver an event, or its way out of the dead letters.
type attemptView struct {
	Attempt     int          `json:"attempt"`
	Replays     int          `json:"replays,omitempty"`
	Status      event.Status `json:"status"`
	At          time.Time    `json:"at"`
	DurationMS  int64        `json:"duration_ms"`
	StatusCode  int          `json:"status_code,omitempty"`
	Error       string       `json:"error,omitempty"`
	NextAttempt *time.Time   `json:"next_attempt,omitempty"`
}

// detailView is an event asked for by id. Its body is added by withBody.
type detailView struct {
	eventView
	Attempts []attemptView `json:"attempts"`
}

func viewOf(r *store.Record) eventView {
	return eventView{
		ID:           r.Event.ID,
		Bot:          r.Event.Bot,
		Type:         r.Event.Type,
		Subject:      r.Event.Subject,
		Time:         r.Event.Time.UTC(),
		OrderKey:     r.Event.OrderKey,
		VerifiedBy:   r.Event.VerifiedBy,
		ContentType:  r.Event.ContentType,
		Status:       r.Status,
		RecordedAt:   r.RecordedAt.UTC(),
		UpdatedAt:    r.UpdatedAt.UTC(),
		AttemptCount: r.AttemptCount,
	}
}

// event answers GET /v1/events/{id}.
func (a *api) event(r *http.Request) ([]byte, error) {
	id := r.PathValue("id")
	if !searchable(id, maxID) {
		return nil, unknownEvent
	}
	record, err := a.cfg.Reader.Get(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("reading an event: %w", err)
	}
	view := detailView{eventView: viewOf(record), Attempts: make([]attemptView, len(record.Attempts))}
	for i, c := range record.Attempts {
		view.Attempts[i] = attemptView{
			Attempt: c.Attempt, Replays: c.Replays, Status: c.Status, At: c.At.UTC(), DurationMS: c.DurationMS,
			StatusCode: c.StatusCode, Error: c.Error, NextAttempt: c.NextAttempt,
		}
	}
	document, err := json.Marshal(view)
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	return withBody(document, record.Event), nil
}

// withBody adds the event's body as the last member of a JSON object: "data" with the
// very bytes when they are JSON, else "data_base64". It does so by hand because
// encoding/json would rewrite the body's white space and escapes.
func withBody(object []byte, e *event.Event) []byte {
	out := make([]byte, 0, len(object)+base64.StdEncoding.EncodedLen(len(e.Data))+20)
	out = append(out, object[:len(object)-1]...)
	if isJSON(e) {
		out = append(out, `,"data":`...)
		out = append(out, e.Data...)
		return append(out, '}')
	}
	out = append(out, `,"data_base64":"`...)
	out = base64.StdEncoding.AppendEncode(out, e.Data)
	return append(out, `"}`...)
}

// isJSON reports whether the body can stand in a JSON document as it is. The check for
// UTF-8 is one that json.Valid does not make.
func isJSON(e *event.Event) bool {
	media, _, err := mime.ParseMediaType(e.ContentType)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return false
	}
	return utf8.Valid(e.Data) && json.Valid(e.Data)
}
