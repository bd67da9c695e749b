// Package notify notifies all processes of a backend of what was recorded, as it happens: caches
// invalidate it, and requests that wait for an event go on. Nothing is kept: a subscriber that
// was not there, or too slow, learns only that it may have missed something.
package notify

import (
	"context"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Notice says that an entry of the log was recorded: an event, or a change of one. As JSON, but
// for the cursor, it is also what the API streams.
type Notice struct {
	// EventID is the id of the event that the entry is about.
	EventID string `json:"id"`
	// Bot, Type and Subject are that event's.
	Bot     string `json:"bot"`
	Type    string `json:"type"`
	Subject string `json:"subject,omitempty"`
	// Status is the event's status with this entry.
	Status event.Status `json:"status"`
	// Attempt is the number of the attempt that the entry reports, and DurationMS how long it took, in milliseconds; of
	// one that failed StatusCode and Error are the bot's answer and why. 0 and empty for none.
	Attempt    int    `json:"attempt,omitempty"`
	DurationMS int64  `json:"duration_ms,omitempty"`
	StatusCode int    `json:"status_code,omitempty"`
	Error      string `json:"error,omitempty"`
	// Percent is how far the attempt is; 0 where the entry does not say so.
	Percent int `json:"percent,omitempty"`
	// Time is when the event was accepted; At is when that happened which the entry reports.
	Time time.Time `json:"time"`
	At   time.Time `json:"at"`
	// RecordedAt is when the entry was written.
	RecordedAt time.Time `json:"recorded_at"`
	// Cursor is the entry's place in the log.
	Cursor string `json:"cursor,omitempty"`
}

// tellMore has the statuses of changes of which a notice says more than that they were.
var tellMore = []event.Status{event.StatusFailed, event.StatusDead, event.StatusProgress, event.StatusAnswered}

// Of is the notice of an entry.
func Of(e store.Entry) Notice {
	n := Notice{
		EventID: e.About(), Bot: e.Bot, Type: e.EventType, Subject: e.Subject, Status: e.State.Status,
		Attempt: e.State.Attempts, DurationMS: e.Took.Milliseconds(),
		Time: e.EventTime.UTC(), At: e.State.UpdatedAt.UTC(), RecordedAt: e.RecordedAt.UTC(), Cursor: e.Position().Cursor(),
	}
	if slices.Contains(tellMore, n.Status) {
		if c, err := event.ParseChange(e.Event); err == nil { // Of the others, which are nearly all, nothing more is wanted.
			n.StatusCode, n.Error, n.Percent = c.StatusCode, c.Error, c.Percent
		}
	}
	return n
}

// Subscriber gets notices, by one call at a time. A slow one misses some, and blocks no other.
type Subscriber interface {
	// Notices gets what was recorded. The slice is shared and must not be changed.
	Notices(notices []Notice)
	// Lost means that anything may have been missed until now.
	Lost()
}

// Bus passes notices to the subscribers in all processes that share it.
type Bus interface {
	// Publish notifies all subscribers. It is called after the commit, and returns soon, whatever
	// the state of the bus: those in this process always get the notices; others that can't get
	// them now learn later that they missed something.
	Publish(ctx context.Context, notices []Notice)
	// Subscribe passes what is published from now on to s, until unsubscribe is called,
	// which returns once s is no longer used. The subscriber's own methods must not call it.
	Subscribe(s Subscriber) (unsubscribe func())
}
