package store

import (
	"cmp"
	"context"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Query chooses the events of a list. Empty fields do not filter.
type Query struct {
	Bot, Subject, Type string
	Status             event.Status
	// Limit is the page size; see [Query.Size].
	Limit int
	// After continues behind this position; zero starts with the newest.
	After Position
}

// Possible reports whether any event can match. Clients may send text that no database takes, or
// a position that no page returned.
func (q Query) Possible() bool {
	for _, s := range []string{q.Bot, q.Subject, q.Type, string(q.Status), q.After.ID} {
		if !validText(s) {
			return false
		}
	}
	year := q.After.Time.Year()
	return year >= 0 && year <= 9999
}

// Size is the limit, clamped to 1 and MaxLimit.
func (q Query) Size() int { return min(max(q.Limit, 1), MaxLimit) }

const (
	// MaxLimit is the largest page.
	MaxLimit = 200
	// MaxAttempts is how many attempts of an event Get returns.
	MaxAttempts = 1000
)

// Position is a place in the list order: newest first by time, then by id.
type Position struct {
	Time time.Time
	ID   string
}

// Compare compares in the list order.
func (p Position) Compare(other Position) int {
	return cmp.Or(other.Time.Compare(p.Time), cmp.Compare(other.ID, p.ID))
}

// Page is one page of a list.
type Page struct {
	Records []*Record
	// Next is where the next page starts; nil when this is the last one.
	Next *Position
	// Missing names the shards that did not answer, whose events are not in the page; nil
	// when it is complete.
	Missing []string
}

type freshKey struct{}

// Fresh returns a context whose reads see every commit that was confirmed before they began: they
// go to the primary.
func Fresh(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) }

// IsFresh reports whether ctx is one of [Fresh].
func IsFresh(ctx context.Context) bool { return ctx.Value(freshKey{}) != nil }
