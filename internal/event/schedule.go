package event

import (
	"fmt"
	"time"
)

const (
	// MinAhead is how far ahead an event has to be due to be scheduled; one that is due sooner is
	// delivered at once, or held by the queue until then.
	MinAhead = time.Minute
	// MaxAhead is how far ahead it may be due at most.
	MaxAhead = 366 * 24 * time.Hour
)

// Schedule makes an accepted event one that is due at a time. From then on its Time is when it is due:
// its place in the order, its age and its day in the log are counted from there.
func (e *Event) Schedule(due time.Time) {
	e.ScheduledAt, e.Time = e.Time, due
}

// IsScheduled reports whether the event waits in the log until it is due. It concerns the record only:
// when it is due it is handed to the consumers that deliver, without the mark.
func (e *Event) IsScheduled() bool { return !e.ScheduledAt.IsZero() && !e.IsChange() }

// ForBot reports whether the event goes to its bot's queue when it is published; see [Event.IsChange] and
// [Event.IsScheduled].
func (e *Event) ForBot() bool { return e.ScheduledAt.IsZero() && !e.IsChange() }

// AcceptedAt is when the event was accepted, also of one that is scheduled.
func (e *Event) AcceptedAt() time.Time {
	if e.IsScheduled() {
		return e.ScheduledAt
	}
	return e.Time
}

// validSchedule reports a schedule that can't be.
func (e *Event) validSchedule() error {
	if e.IsScheduled() && (e.Time.Before(e.ScheduledAt) || e.Time.After(e.ScheduledAt.Add(MaxAhead))) {
		return fmt.Errorf("event: scheduled events must be due within %s", MaxAhead)
	}
	return nil
}

// NewTurn is the n-th decision, from 1, about a scheduled event: with [StatusDue] that whoever records it hands the
// event over, and with [StatusCancelled], which can only be the first one, that nobody does. All that are the n-th have
// the same id, so the log has one of them: the first that was recorded.
func NewTurn(about *Event, status Status, n int, at time.Time) (*Event, error) {
	return NewChange(about, Change{Status: status, Turn: n, At: at})
}
