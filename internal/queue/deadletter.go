package queue

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/event"
)

var (
	// ErrNotFound means that there is no dead letter of the event.
	ErrNotFound = errors.New("no such dead letter")
	// ErrCursor means that [DeadQuery.After] is not what a page or result gave.
	ErrCursor = errors.New("not a cursor of this queue")
)

const (
	// MaxDeadPage is the largest page of dead letters.
	MaxDeadPage = 1000
	// MaxDeadScan is how many dead letters one call scans.
	MaxDeadScan = 10_000
)

// DeadLetters lists, redrives and deletes dead-lettered events without consuming the queue.
type DeadLetters interface {
	// ListDead returns a page of dead letters without bodies, in an order of the engine's
	// that stays the same: of acceptance or of dead-lettering. It takes nothing out.
	ListDead(ctx context.Context, q DeadQuery) (*DeadPage, error)
	// GetDead returns the dead letter of an event, with its body, or ErrNotFound. Of
	// several it is the latest.
	GetDead(ctx context.Context, id string) (*DeadLetter, error)
	// Redrive moves dead letters back to the groups that dead-lettered them, with Attempt 1
	// and Replays one higher; no repeat window drops them. Each is durably there before its
	// dead letter is gone: a crash in between can leave both, never neither. A change of
	// the event ([event.StatusReplayed]) is published with it. At most Limit are moved;
	// what is no event is skipped.
	Redrive(ctx context.Context, q DeadQuery) (DeadResult, error)
	// DropDead deletes dead letters, at most Limit.
	DropDead(ctx context.Context, q DeadQuery) (DeadResult, error)
}

// DeadLetter is an event that was dead-lettered.
type DeadLetter struct {
	// Event is the event; in lists without Data.
	Event *event.Event
	DeadInfo
	// Size is the length of the body in bytes.
	Size int64
}

// DeadInfo says how an event came into the dead letters.
type DeadInfo struct {
	// Group is the group whose consumer dead-lettered it.
	Group Group `json:"group"`
	// Reason is the one given to [Consumer.DeadLetter].
	Reason string `json:"reason"`
	// Attempts is the Attempt of the delivery.
	Attempts int `json:"attempts"`
	// At is when it was dead-lettered.
	At time.Time `json:"at"`
	// Replays is how often the event had been redriven or replayed before.
	Replays int `json:"replays,omitempty"`
	// Outcomes are those of the delivery.
	Outcomes []Outcome `json:"outcomes,omitempty"`
}

// NewDeadInfo describes a delivery that a group's consumer dead-letters now. A dead letter that
// is dead-lettered again keeps all but the reason and the time.
func NewDeadInfo(d *Delivery, group Group, reason string) DeadInfo {
	info := DeadInfo{Group: group, Attempts: d.Attempt, Replays: d.Replays, Outcomes: d.Outcomes}
	if d.Dead != nil {
		info = *d.Dead
	}
	info.Reason, info.At = reason, time.Now().UTC()
	return info
}

// DeadFilter chooses dead letters. Empty fields do not filter.
type DeadFilter struct {
	// ID is the event's id.
	ID                 string
	Bot, Type, Subject string
	// Reason must occur in the reason, in upper or lower case.
	Reason string
	// Since and Until bound the time of dead-lettering: Since is included, Until is not.
	Since, Until time.Time
}

// Matches reports whether the filter chooses a dead letter.
func (f DeadFilter) Matches(l *DeadLetter) bool {
	e := l.Event
	same := func(want, got string) bool { return want == "" || want == got }
	switch {
	case !same(f.ID, e.ID), !same(f.Bot, e.Bot), !same(f.Type, e.Type), !same(f.Subject, e.Subject):
		return false
	case !f.Since.IsZero() && l.At.Before(f.Since), !f.Until.IsZero() && !l.At.Before(f.Until):
		return false
	}
	return f.Reason == "" || strings.Contains(strings.ToLower(l.Reason), strings.ToLower(f.Reason))
}

// DeadQuery is a filter and how much of what it chooses is wanted.
type DeadQuery struct {
	DeadFilter
	// Limit is from 1 to MaxDeadPage; what is outside is brought inside.
	Limit int
	// After is the Next of an earlier page or result, to continue behind it.
	After string
}

// Bounded is the query with a limit in its range.
func (q DeadQuery) Bounded() DeadQuery {
	q.Limit = min(max(q.Limit, 1), MaxDeadPage)
	return q
}

// DeadPage is one page of a list.
type DeadPage struct {
	Letters []*DeadLetter
	// Next is where the next page starts; empty when this is the last one. A page may
	// have fewer letters than the limit, or none, and a next one all the same, since one
	// call scans MaxDeadScan dead letters only.
	Next string
	// Truncated is set when there are dead letters that the engine can't reach behind
	// the MaxDeadScan first ones.
	Truncated bool
}

// DeadResult says what a redrive or drop did.
type DeadResult struct {
	// Done counts what was redriven or dropped.
	Done int
	// Skipped counts what matched and can't be redriven, because it is no event.
	Skipped int
	// Next is where the next call begins; empty when nothing is left.
	Next string
	// Truncated is as in [DeadPage].
	Truncated bool
}
