package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/document"
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

// detailView is an event asked for by id. Its body is added by [document.WithBody].
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
func (a *api) event(r *http.Request, c caller) (*reply, error) {
	id := r.PathValue("id")
	if !searchable(id, maxID) {
		return nil, unknownEvent
	}
	record, err := a.cfg.Reader.Get(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("reading an event: %w", err)
	}
	if !c.may(record.Event.Bot) {
		return nil, unknownEvent
	}
	view := detailView{eventView: viewOf(record), Attempts: make([]attemptView, len(record.Attempts))}
	for i, t := range record.Attempts {
		view.Attempts[i] = attemptView{
			Attempt: t.Attempt, Replays: t.Replays, Status: t.Status, At: t.At.UTC(), DurationMS: t.DurationMS,
			StatusCode: t.StatusCode, Error: t.Error, NextAttempt: t.NextAttempt,
		}
	}
	object, err := json.Marshal(view)
	if err != nil {
		return nil, fmt.Errorf("encoding an event: %w", err)
	}
	return &reply{body: document.WithBody(object, record.Event)}, nil
}
