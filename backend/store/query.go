package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Query chooses the events of a list. Empty fields do not filter.
type Query struct {
	Bot, Subject, Type, VerifiedBy, OrderKey string
	// Search is what an event's id or user begins with, or its order key.
	Search string
	// Body is what an event's body has in it, byte for byte. It is looked for in the rows of a tenth of Scan.
	Body string
	// Statuses are those of which an event has to have one.
	Statuses []event.Status
	// From and To bound when events were accepted: From is included, To is not. In microseconds.
	From, To time.Time
	// Oldest asks for the oldest first; else the newest is.
	Oldest bool
	// Limit is the page size; see [Query.Size].
	Limit int
	// After continues behind this position; zero starts at the beginning. Without an id it stands before all
	// events of its time: the list goes on with earlier ones, or with Oldest with those.
	After Position
	// Scan is how many rows are looked through for a page where no index serves all of the filters;
	// default and most MaxScan. It is not exact.
	Scan int
}

// Possible reports whether any event can match. Clients may send text that no database takes, or
// a position that no page returned.
func (q Query) Possible() bool {
	for _, s := range []string{q.Bot, q.Subject, q.Type, q.VerifiedBy, q.OrderKey, q.Search, q.Body, q.After.ID} {
		if !validText(s) {
			return false
		}
	}
	for _, at := range []time.Time{q.After.Time, q.From, q.To} {
		if year := at.Year(); year < 0 || year > 9999 {
			return false
		}
	}
	return true
}

// Unfinished reports whether only events are wanted that are not delivered, of which there are few.
func (q Query) Unfinished() bool {
	return len(q.Statuses) > 0 && !slices.Contains(q.Statuses, event.StatusDelivered)
}

// Compare compares positions in the order of the list.
func (q Query) Compare(a, b Position) int {
	if q.Oldest {
		a, b = b, a
	}
	return a.Compare(b)
}

// Start is the position behind which the page begins, by After and the window; zero for the
// beginning of the list.
func (q Query) Start() Position {
	edge := Position{Time: q.To} // No id is empty, so this is before all of that time.
	if q.Oldest {
		edge.Time = q.From
	}
	if edge.Time.IsZero() || q.After != (Position{}) && q.Compare(edge, q.After) < 0 {
		return q.After
	}
	return edge
}

// Within is the part of the list up to the time of an edge, included; all of it for a zero one.
func (q Query) Within(edge time.Time) Query {
	switch {
	case edge.IsZero():
	case q.Oldest:
		q.To = edge.Add(time.Microsecond)
	default:
		q.From = edge
	}
	return q
}

// Beyond is where the list goes on behind Within.
func (q Query) Beyond(edge time.Time) Position {
	if q.Oldest {
		edge = edge.Add(time.Microsecond)
	}
	return Position{Time: edge}
}

// Size is the limit, clamped to 1 and MaxLimit.
func (q Query) Size() int { return min(max(q.Limit, 1), MaxLimit) }

// Rows is the bound of Scan, and of fewer rows where bodies are read.
func (q Query) Rows() int {
	most := MaxScan
	if q.Body != "" {
		most /= bodyCost
	}
	if q.Scan <= 0 {
		return most
	}
	return min(q.Scan, most)
}

const (
	// MaxLimit is the largest page.
	MaxLimit = 200
	// MaxScan is the largest Scan.
	MaxScan = 25_000
	// bodyCost is how many rows may be passed for one whose body is read.
	bodyCost = 10
	// MaxAttempts is how many attempts of an event Get returns.
	MaxAttempts = 1000
)

// Position is a place in a list: by time, then by id.
type Position struct {
	Time time.Time
	ID   string
}

// Compare compares in the order of a list that has the newest first.
func (p Position) Compare(other Position) int {
	return cmp.Or(other.Time.Compare(p.Time), cmp.Compare(other.ID, p.ID))
}

// Page is one page of a list.
type Page struct {
	Records []*Record
	// Next is where the next page starts; nil when this is the last one. A page may have fewer records
	// than the limit, or none, and a next one all the same: see [Query.Scan].
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

// UserQuery asks for the read model of a user.
type UserQuery struct {
	// Subject is the user. Required.
	Subject string
	// Bot restricts the answer to one bot; empty for all of them.
	Bot string
	// At asks for the state as of a time, counted in the log; the zero time asks for the present one.
	At time.Time
}

// UsersQuery asks for the names of users, in their order.
type UsersQuery struct {
	// Prefix is what the names begin with; empty for all.
	Prefix string
	// Bot restricts the answer to users of one bot.
	Bot string
	// Limit is the page size, as that of a [Query].
	Limit int
	// After continues behind a name.
	After string
}

// Size is the limit, clamped to 1 and MaxLimit.
func (q UsersQuery) Size() int { return Query{Limit: q.Limit}.Size() }

// UsersPage is a page of names.
type UsersPage struct {
	Users []string
	// Next is the name behind which the next page starts; empty when this is the last one. With a bot a page may have
	// fewer names than the limit, and a next one all the same.
	Next string
}

// User is the read model of a user: the counters of their events.
type User struct {
	Subject string
	// Bots has an element for each bot that the user has events of, by name.
	Bots []UserBot
}

// UserBot is a user at one bot.
type UserBot struct {
	Bot    string
	Counts Counts
	// First and Last are the times of the first and the last event.
	First, Last time.Time
}

// StatsQuery asks for the statistics of bots.
type StatsQuery struct {
	// Bot restricts the answer to one bot; empty for the sum of all.
	Bot string
	// From and To are the range, From included and To not; whole minutes count.
	From, To time.Time
	// Step is the length of the parts that minutes are summed up in, counted from 1970, in whole minutes. Default: one.
	Step time.Duration
}

// Steps is the Step, or its default.
func (q StatsQuery) Steps() time.Duration { return max(q.Step.Truncate(time.Minute), time.Minute) }

// Minute is what happened within a minute, or a longer step.
type Minute struct {
	// Minute is its beginning.
	Minute time.Time
	Activity
}

// MaxMinutes is the longest answer to a StatsQuery; what is later in its range is left out.
const MaxMinutes = 7 * 24 * 60
