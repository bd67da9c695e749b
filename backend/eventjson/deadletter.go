package eventjson

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// DeadLetter is a dead letter as the API and the command line show it, without its body.
type DeadLetter struct {
	ID          string          `json:"id"`
	Bot         string          `json:"bot"`
	Type        string          `json:"type"`
	User        string          `json:"subject,omitempty"`
	Time        time.Time       `json:"time"`
	OrderKey    string          `json:"order_key,omitempty"`
	VerifiedBy  string          `json:"verified_by,omitempty"`
	ContentType string          `json:"content_type,omitempty"`
	Size        int64           `json:"size"`
	Group       queue.Group     `json:"group,omitempty"`
	Reason      string          `json:"reason"`
	Attempts    int             `json:"attempts"`
	DiedAt      time.Time       `json:"died_at"`
	Replays     int             `json:"replays"`
	History     []queue.Outcome `json:"history"`
}

// NewDeadLetter shows a dead letter.
func NewDeadLetter(l *queue.DeadLetter) DeadLetter {
	v := DeadLetter{
		ID: l.Event.ID, Bot: l.Event.Bot, Type: l.Event.Type, User: l.Event.Subject, Time: l.Event.Time.UTC(),
		OrderKey: l.Event.OrderKey, VerifiedBy: l.Event.VerifiedBy, ContentType: l.Event.ContentType, Size: l.Size,
		Group: l.Group, Reason: l.Reason, Attempts: l.Attempts, DiedAt: l.At.UTC(),
		Replays: l.Replays, History: l.Outcomes,
	}
	if v.History == nil {
		v.History = []queue.Outcome{}
	}
	return v
}

// DeadLetterWithBody returns the JSON object that shows a dead letter, with its body.
func DeadLetterWithBody(l *queue.DeadLetter) ([]byte, error) {
	object, err := json.Marshal(NewDeadLetter(l))
	if err != nil {
		return nil, fmt.Errorf("encoding a dead letter: %w", err)
	}
	return withBody(object, l.Event), nil
}
