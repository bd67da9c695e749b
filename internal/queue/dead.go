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
	// MaxHistory is how many outcomes travel with a delivery; the oldest give way.
	MaxHistory = 10
	// MaxDeadPage is the largest page of dead letters.
	MaxDeadPage = 1000
	// MaxDeadScan is how many dead letters one call looks at.
	MaxDeadScan = 10_000
)

// DeadLetters looks after what was buried, beside and not as a consumer. The queues of both
// engines implement it.
type DeadLetters interface {
	// ListDead returns a page of dead letters without bodies, in an order of the engine's
	// that stays the same: of acceptance or of death. It takes nothing out.
	ListDead(ctx context.Context, q DeadQuery) (*DeadPage, error)
	// GetDead returns the dead letter of an event, with its body, or ErrNotFound. Of
	// several it is the one that died last.
	GetDead(ctx context.Context, id string) (*DeadLetter, error)
	// ReplayDead gives dead letters back to the groups that buried them, with Attempt 1
	// and Replays one higher, and no repeat window holds them back. Each is durably
	// there before its dead letter is gone: a crash in between can leave both, never
	// neither. A change of the event ([event.StatusReplayed]) goes with it. At most
	// Limit are replayed; what is no event is skipped.
	ReplayDead(ctx context.Context, q DeadQuery) (DeadResult, error)
	// DropDead removes dead letters for good, at most Limit.
	DropDead(ctx context.Context, q DeadQuery) (DeadResult, error)
}

// DeadLetter is an event that was buried.
type DeadLetter struct {
	// Event is the event; in lists without Data.
	Event *event.Event
	Death Death
	// Size is the length of the body in bytes.
	Size int64
}

// DeadFilter chooses dead letters. Empty fields do not filter.
type DeadFilter struct {
	// ID is the event's id.
	ID                 string
	Bot, Type, Subject string
	// Reason must occur in the reason, in upper or lower case.
	Reason string
	// Since and Until bound the time of death: Since is included, Until is not.
	Since, Until time.Time
}

// Matches reports whether a dead letter is meant.
func (f DeadFilter) Matches(e *event.Event, d Death) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	switch {
	case !same(f.ID, e.ID), !same(f.Bot, e.Bot), !same(f.Type, e.Type), !same(f.Subject, e.Subject):
		return false
	case !f.Since.IsZero() && d.At.Before(f.Since), !f.Until.IsZero() && !d.At.Before(f.Until):
		return false
	}
	return f.Reason == "" || strings.Contains(strings.ToLower(d.Reason), strings.ToLower(f.Reason))
}

// DeadQuery is a filter and how much of what it chooses is wanted.
type DeadQuery struct {
	DeadFilter
	// Limit is from 1 to MaxDeadPage; what is outside is brought inside.
	Limit int
	// After continues behind an earlier page or result, whose Next it is.
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
	// call looks at MaxDeadScan dead letters only.
	Next string
	// Truncated is set when there are dead letters that the engine can't reach behind
	// the MaxDeadScan first ones.
	Truncated bool
}

// DeadResult says what a replay or drop did.
type DeadResult struct {
	// Done counts what was replayed or dropped.
	Done int
	// Skipped counts what was meant and can't be replayed, because it is no event.
	Skipped int
	// Next is where the next call goes on; empty when nothing is left.
	Next string
	// Truncated is as in [DeadPage].
	Truncated bool
}

// Outcome is what came of an attempt.
type Outcome struct {
	// Attempt counts from 1.
	Attempt int `json:"attempt"`
	// At is when the attempt ended.
	At time.Time `json:"at"`
	// StatusCode is the HTTP answer; 0 when there was none.
	StatusCode int `json:"status_code,omitempty"`
	// Error says in a few words why the attempt failed.
	Error string `json:"error,omitempty"`
}

// Note adds an outcome to the history of a delivery. It goes along when the delivery is
// given back by Retry, as far as the attempts are known, and when it is buried.
func (d *Delivery) Note(o Outcome) {
	kept := d.History[max(0, len(d.History)-MaxHistory+1):]
	d.History = append(append(make([]Outcome, 0, len(kept)+1), kept...), o)
}

// DeathOf says how a delivery of a group dies now. A dead letter that is buried again
// keeps all but the reason and the time.
func DeathOf(d *Delivery, group Group, reason string) Death {
	death := Death{Group: group, Reason: reason, Attempts: d.Attempt, At: time.Now().UTC(), Replays: d.Replays, History: d.History}
	if d.Death != nil {
		death.Group, death.Attempts = d.Death.Group, d.Death.Attempts
		death.Replays, death.History = d.Death.Replays, d.Death.History
	}
	return death
}
