package event

import (
	"encoding/json"
	"fmt"
	"time"
)

const typeLate = "botgate.answer"

// LateAnswer is what a bot answered after the platform's request was, on its way to where the platform takes that. It
// travels as an event of its own, for dispatch only and beside the bot's events, so that neither waits for the other.
type LateAnswer struct {
	// EventID, EventType, OrderKey and Attempt are those of the event that the bot answered, and of its attempt.
	EventID   string `json:"event_id"`
	EventType string `json:"event_type"`
	OrderKey  string `json:"order_key,omitempty"`
	Attempt   int    `json:"attempt"`
	// Platform is whose request it was. Method, Host, Path and Body are what it takes; the path has a secret.
	Platform string `json:"platform"`
	Method   string `json:"method"`
	Host     string `json:"host"`
	Path     string `json:"path"`
	Body     []byte `json:"body"`
	// Until is when the platform takes it no more.
	Until time.Time `json:"until"`
}

// NewLateAnswer wraps the answer of a bot to the event about into an event for the queue. Its id follows from that
// event's: who was killed before that was settled publishes it again.
func NewLateAnswer(about *Event, answer LateAnswer) (*Event, error) {
	answer.EventID, answer.EventType, answer.OrderKey = about.ID, about.Type, about.OrderKey
	data, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("event: encoding a late answer: %w", err)
	}
	e := &Event{
		ID:  Identity{Bot: about.Bot, Sender: "botgate-answer", Key: about.ID}.ID(about.Subject),
		Bot: LateAnswersOf(about.Bot), Type: typeLate, Subject: about.Subject, Time: about.Time, VerifiedBy: "botgate",
		TraceParent: about.TraceParent, RequestID: about.RequestID, ContentType: "application/json", Data: data,
	}
	e.OrderKey = e.ID // None waits for another: each is for a request of its own.
	return e, nil
}

// IsLateAnswer reports whether the event is a [LateAnswer]. As with [Event.IsChange] no accepted event can claim to be.
func (e *Event) IsLateAnswer() bool { return e.VerifiedBy == "botgate" && e.Type == typeLate }

// ParseLateAnswer reads the answer out of an event for which [Event.IsLateAnswer] holds, and the event about that the bot
// answered as far as a change of it needs it.
func ParseLateAnswer(e *Event) (about *Event, answer LateAnswer, err error) {
	if err := json.Unmarshal(e.Data, &answer); err != nil {
		return nil, LateAnswer{}, fmt.Errorf("event: decoding late answer %s: %w", e.ID, err)
	}
	return &Event{
		ID: answer.EventID, Bot: BotOf(e.Bot), Type: answer.EventType, Subject: e.Subject, Time: e.Time, OrderKey: answer.OrderKey,
		TraceParent: e.TraceParent, RequestID: e.RequestID,
	}, answer, nil
}
