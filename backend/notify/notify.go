// Package notify tells all processes of a backend what was recorded, as it happens: caches
// drop what is no longer true, and requests that wait for an event go on. Nothing is kept:
// a subscriber that was not there, or too slow, gets a loss: it may have missed something.
package notify

import (
	"context"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Notice says that an entry of the log was recorded: an event, or a change of one.
type Notice struct {
	// EventID is the id of the event that the entry is about.
	EventID string `json:"event_id"`
	// Bot, Type and Subject are that event's.
	Bot     string `json:"bot"`
	Type    string `json:"type"`
	Subject string `json:"subject"`
	// Status is where the event stands with this entry.
	Status event.Status `json:"status"`
	// Time is when the event was accepted, and At when that happened which the entry is of.
	Time time.Time `json:"time"`
	At   time.Time `json:"at"`
	// RecordedAt is when the entry was written.
	RecordedAt time.Time `json:"recorded_at"`
	// Cursor is the entry's place in the log, as the API hands it out.
	Cursor string `json:"cursor"`
}

// Of is the notice of an entry.
func Of(e store.Entry) Notice {
	return Notice{
		EventID: e.About(), Bot: e.Bot, Type: e.EventType, Subject: e.Subject, Status: e.State.Status,
		Time: e.EventTime, At: e.State.UpdatedAt, RecordedAt: e.RecordedAt, Cursor: e.Position().Cursor(),
	}
}

// Subscriber gets notices, by one call at a time. A slow one is told that it missed
// some; it holds nobody up.
type Subscriber interface {
	// Notices tells what was recorded. The slice is others' too and must not be changed.
	Notices(notices []Notice)
	// Lost tells that anything may have been missed until now.
	Lost()
}

// Bus carries notices to the subscribers in all processes that share it.
type Bus interface {
	// Publish tells all subscribers. It is called after the commit of what it tells of, and
	// returns soon, whatever the state of the bus: those in this process are always told,
	// others are told later that they missed something where they can't be now.
	Publish(ctx context.Context, notices []Notice)
	// Subscribe tells s of what is published from now on, until unsubscribe is called,
	// which returns once s is no longer used. The subscriber's own methods must not call it.
	Subscribe(s Subscriber) (unsubscribe func())
}
