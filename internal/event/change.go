package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is where an event stands on its way to the bot.
type Status string

// The statuses. Delivered, dropped and cancelled are final, and dead and expired are until somebody replays the event.
const (
	// StatusScheduled: the log has the event, which is not due yet. See [Event.Schedule].
	StatusScheduled Status = "scheduled"
	// StatusDue: a scheduled event is being handed over to its bot's queue, and can't be cancelled any more.
	StatusDue Status = "due"
	// StatusReleased: the bot's queue has an event that was scheduled; no attempt was made yet.
	StatusReleased Status = "released"
	// StatusCancelled: a scheduled event that was taken back before it was due.
	StatusCancelled Status = "cancelled"
	// StatusAccepted: the queue has the event; no attempt was made yet.
	StatusAccepted Status = "accepted"
	// StatusDeferred: the queue has the event, which is not to be delivered before a time;
	// no attempt was made yet. See [Event.NotBefore].
	StatusDeferred Status = "deferred"
	// StatusDelivered: the bot answered with 2xx.
	StatusDelivered Status = "delivered"
	// StatusFailed: the last attempt failed and another one follows.
	StatusFailed Status = "failed"
	// StatusDead: out of time or attempts, or refused for good; the event is a dead letter.
	StatusDead Status = "dead"
	// StatusExpired: too old when its turn came, as its bot's settings have it; it is not
	// delivered any more, and no dead letter.
	StatusExpired Status = "expired"
	// StatusDropped: somebody decided that the dead letter is not wanted any more.
	StatusDropped Status = "dropped"
	// StatusReplayed: a dead letter that is to be delivered again; the next attempt is its first again.
	StatusReplayed Status = "replayed"
	// StatusRepeated is of changes only: the sender sent the event again, and was answered as the first
	// time. The event stands where it stood.
	StatusRepeated Status = "repeated"
	// StatusProgress is of changes only: who works on the event says how far that is. The event stands where it stood.
	StatusProgress Status = "progress"
	// StatusAnswered is of changes only: the bot's late answer was sent to the platform, or given up. The event stands
	// where it stood.
	StatusAnswered Status = "answered"
)

// MaxRepeats is how many repeats of an event are recorded.
const MaxRepeats = 20

// Asides returns those that are of changes only: the event stands where it stood.
func Asides() []Status { return []Status{StatusRepeated, StatusProgress, StatusAnswered} }

// IsAside reports whether it is one of [Asides].
func (s Status) IsAside() bool { return slices.Contains(Asides(), s) }

// Final reports whether no further change follows by itself.
func (s Status) Final() bool {
	return s == StatusDelivered || s == StatusDead || s == StatusDropped || s == StatusExpired || s == StatusCancelled
}

// Statuses returns all that an event can have, in the order of an event's way.
func Statuses() []Status {
	return []Status{
		StatusScheduled, StatusDue, StatusAccepted, StatusDeferred, StatusReleased, StatusReplayed, StatusFailed,
		StatusExpired, StatusDead, StatusDropped, StatusCancelled, StatusDelivered,
	}
}

const changePrefix = "botgate.event."

// Change is something that happened to an event after its acceptance. It travels as
// an event of its own, of type "botgate.event.<status>", and goes to the log only.
type Change struct {
	// EventID is the id of the event that this happened to.
	EventID string `json:"event_id"`
	// EventTime is the [Event.Time] of that event.
	EventTime time.Time `json:"event_time"`
	// EventType is its [Event.Type].
	EventType string `json:"event_type,omitempty"`
	// Status is where the event stands now; never scheduled, accepted or deferred, which the event
	// itself says.
	Status Status `json:"status"`
	// Attempt counts from 1, anew after each replay; 0 with [StatusReplayed] and [StatusDropped].
	Attempt int `json:"attempt"`
	// Replays is how often the event had come back from the dead letters by then.
	Replays int `json:"replays,omitempty"`
	// Repeat is the number of a repeat, from 1 to [MaxRepeats]; 0 of everything else.
	Repeat int `json:"repeat,omitempty"`
	// Turn is the number of a decision about a scheduled event, see [NewTurn]; 0 of everything else.
	Turn int `json:"turn,omitempty"`
	// Percent is how far the work is, from 1 to 100; only with [StatusProgress].
	Percent int `json:"percent,omitempty"`
	// At is when the attempt ended, or what else happened did.
	At time.Time `json:"at"`
	// DurationMS is how long the attempt took, in milliseconds.
	DurationMS int64 `json:"duration_ms"`
	// StatusCode is the bot's HTTP answer, with [StatusAnswered] the platform's; 0 when there was none.
	StatusCode int `json:"status_code,omitempty"`
	// Error says in a few words why the attempt failed, or the sending of a late answer; never the answer itself.
	Error string `json:"error,omitempty"`
	// Answered is what became of the bot's answer where somebody waited for it; only with [StatusDelivered] and
	// [StatusAnswered].
	Answered Answered `json:"answered,omitempty"`
	// Answer is what the bot answered, where that is kept.
	Answer *Answer `json:"answer,omitempty"`
	// NextAttempt is when the next attempt is due; only with [StatusFailed].
	NextAttempt *time.Time `json:"next_attempt,omitempty"`
}

// NewChange wraps a change of the event about into an event for the queue. Its id follows from
// that event's, the replay, the attempt and the status, so statistics count it once although who
// was killed before the ack leaves it to be published again. A process that takes over counts
// attempts from 1, so failed ones are told apart by when they ended, too; so is progress.
func NewChange(about *Event, c Change) (*Event, error) {
	c.EventID, c.EventTime, c.EventType = about.ID, about.Time.UTC().Truncate(time.Microsecond), about.Type
	c.At = c.At.UTC().Truncate(time.Microsecond)
	key := fmt.Sprintf("%s#%d#%d#%s", about.ID, c.Replays, c.Attempt, c.Status)
	if c.Status == StatusFailed || c.Status == StatusProgress {
		key = fmt.Sprintf("%s#%d", key, c.At.UnixMicro())
	}
	if c.Status == StatusRepeated {
		key = fmt.Sprintf("%s#%d", key, c.Repeat)
	}
	if c.Turn > 0 {
		key = fmt.Sprintf("%s#turn#%d", about.ID, c.Turn)
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("event: encoding a change: %w", err)
	}
	return &Event{
		ID:          Identity{Bot: about.Bot, Sender: "botgate-change", Key: key}.ID(about.Subject),
		Bot:         about.Bot,
		Type:        ChangeType(c.Status),
		Subject:     about.Subject,
		Time:        c.At,
		ScheduledAt: about.ScheduledAt,
		OrderKey:    about.OrderKey,
		VerifiedBy:  "botgate",
		TraceParent: about.TraceParent,
		RequestID:   about.RequestID,
		ContentType: "application/json",
		Data:        data,
	}, nil
}

// ChangeType is the [Event.Type] of a change to a status.
func ChangeType(s Status) string { return changePrefix + string(s) }

// NewReplay is the change of an event that leaves the dead letters for the n-th time.
func NewReplay(about *Event, n int, at time.Time) (*Event, error) {
	return NewChange(about, Change{Status: StatusReplayed, Replays: n, At: at})
}

// NewRepeat is the change of an event that its sender sent for the n-th time more. Its id follows from
// the number, so an event has at most [MaxRepeats].
func NewRepeat(about *Event, n int, at time.Time) (*Event, error) {
	return NewChange(about, Change{Status: StatusRepeated, Repeat: n, At: at})
}

// NewProgress is the change of an event of whose attempt so many percent are done. Like a repeat it belongs to no replay,
// so that one that is recorded before the replay itself is not taken for it.
func NewProgress(about *Event, attempt, percent int, at time.Time) (*Event, error) {
	return NewChange(about, Change{Status: StatusProgress, Attempt: attempt, Percent: percent, At: at})
}

// TypeReport is the [Event.Type] of what a gateway says of itself. It goes where changes go, and is in no history.
const TypeReport = changePrefix + "report"

// IsReport reports whether the event is a report of a gateway, which is a change of no event.
func (e *Event) IsReport() bool { return e.IsChange() && e.Type == TypeReport }

// IsChange reports whether the event says what happened to another one, or is a report. Such events
// are recorded, never dispatched. Accepted events cannot claim to be one: the gateway
// verifies what it accepts and is the only one to write verifiedby.
func (e *Event) IsChange() bool {
	return e.VerifiedBy == "botgate" && strings.HasPrefix(e.Type, changePrefix)
}

// ParseChange reads the change out of an event for which [Event.IsChange] holds.
func ParseChange(e *Event) (Change, error) {
	var c Change
	if err := json.Unmarshal(e.Data, &c); err != nil {
		return Change{}, fmt.Errorf("event: decoding change %s: %w", e.ID, err)
	}
	switch c.Status {
	case StatusDelivered, StatusFailed, StatusDead, StatusDropped, StatusExpired, StatusReplayed, StatusRepeated,
		StatusDue, StatusReleased, StatusCancelled, StatusProgress, StatusAnswered:
	default:
		return Change{}, fmt.Errorf("event: change %s has unknown status %q", e.ID, c.Status)
	}
	if c.EventID == "" {
		return Change{}, fmt.Errorf("event: change %s names no event", e.ID)
	}
	return c, nil
}
