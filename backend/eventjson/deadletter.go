package eventjson

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/store"
)

// DeadLetter is a dead letter as the API and the command line show it.
type DeadLetter struct {
	ID          string    `json:"id"`
	Bot         string    `json:"bot"`
	Type        string    `json:"type"`
	User        string    `json:"subject,omitempty"`
	Time        time.Time `json:"time"`
	OrderKey    string    `json:"order_key,omitempty"`
	VerifiedBy  string    `json:"verified_by,omitempty"`
	ContentType string    `json:"content_type,omitempty"`
	Reason      string    `json:"reason"`
	StatusCode  int       `json:"status_code,omitempty"`
	// Attempts is how many there were since the last replay.
	Attempts int       `json:"attempts"`
	DiedAt   time.Time `json:"died_at"`
	Replays  int       `json:"replays"`
	// History are all attempts and replays; not in lists.
	History []attemptView `json:"history,omitempty"`
}

// NewDeadLetter shows a dead event.
func NewDeadLetter(r *store.Record) DeadLetter {
	v := DeadLetter{
		ID: r.Event.ID, Bot: r.Event.Bot, Type: r.Event.Type, User: r.Event.Subject, Time: store.Micros(r.Event.Time),
		OrderKey: r.Event.OrderKey, VerifiedBy: r.Event.VerifiedBy, ContentType: r.Event.ContentType,
		Reason: deadletter.Reason(r), DiedAt: deadletter.DiedAt(r), Replays: r.Replays, Attempts: r.AttemptCount,
	}
	if r.Last != nil {
		v.StatusCode, v.Attempts = r.Last.StatusCode, r.Last.Attempt
	}
	return v
}

// DeadLetterWithBody returns the JSON object that shows a dead letter, with its history and body.
func DeadLetterWithBody(r *store.Record) ([]byte, error) {
	v := NewDeadLetter(r)
	v.History = viewAttempts(r.Attempts)
	object, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding a dead letter: %w", err)
	}
	return withBody(object, r.Event), nil
}
