package dead

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/document"
	"github.com/botgate/botgate/internal/queue"
)

// View is a dead letter as the API and the command line show it.
type View struct {
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

// NewView shows a dead letter without its body.
func NewView(l *queue.DeadLetter) View {
	v := View{
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

// Document shows a dead letter with its body, as JSON.
func Document(l *queue.DeadLetter) ([]byte, error) {
	object, err := json.Marshal(NewView(l))
	if err != nil {
		return nil, fmt.Errorf("encoding a dead letter: %w", err)
	}
	return document.WithBody(object, l.Event), nil
}
