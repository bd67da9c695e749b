package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Counts says how many entries of the log there are of each kind. Counting the same
// entries in any order, or in parts that are added up, gives the same.
type Counts struct {
	// Accepted counts the events; those that were deferred are among them.
	Accepted int64
	// Deferred counts events that had to wait for a limit.
	Deferred int64
	// Delivered, Failed, Dead, Expired and Replayed count what became of events: an event
	// that was tried twice and then delivered counts twice in Failed and once in Delivered.
	Delivered, Failed, Dead, Expired, Replayed int64
}

// CountsOf counts one entry.
func CountsOf(status event.Status) Counts {
	switch status {
	case event.StatusAccepted:
		return Counts{Accepted: 1}
	case event.StatusDeferred:
		return Counts{Accepted: 1, Deferred: 1}
	case event.StatusDelivered:
		return Counts{Delivered: 1}
	case event.StatusFailed:
		return Counts{Failed: 1}
	case event.StatusDead:
		return Counts{Dead: 1}
	case event.StatusExpired:
		return Counts{Expired: 1}
	case event.StatusReplayed:
		return Counts{Replayed: 1}
	}
	return Counts{}
}

// Add adds other, sign times.
func (c *Counts) Add(other Counts, sign int64) {
	c.Accepted += sign * other.Accepted
	c.Deferred += sign * other.Deferred
	c.Delivered += sign * other.Delivered
	c.Failed += sign * other.Failed
	c.Dead += sign * other.Dead
	c.Expired += sign * other.Expired
	c.Replayed += sign * other.Replayed
}

// Fields are pointers to the counts in the order of the columns of both engines:
// accepted, deferred, delivered, failed, dead, expired, replayed.
func (c *Counts) Fields() [7]*int64 {
	return [7]*int64{&c.Accepted, &c.Deferred, &c.Delivered, &c.Failed, &c.Dead, &c.Expired, &c.Replayed}
}

// Day is the day, in UTC, that a time belongs to; the log and the read models are kept, and
// dropped, by the days of the events.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// UserCount is what entries add to a user's counters at a bot, on the day of their events.
type UserCount struct {
	Subject, Bot string
	Day          time.Time
	Counts       Counts
	// First and Last are the times of the first and the last of the events.
	First, Last time.Time
}

// CountUsers sums up entries by user, bot and day, in that order. Entries without a user
// do not count.
func CountUsers(entries []Entry) []UserCount {
	all := make([]UserCount, 0, len(entries))
	for _, e := range entries {
		if e.Subject != "" {
			all = append(all, UserCount{e.Subject, e.Bot, Day(e.EventTime), CountsOf(e.State.Status), e.EventTime, e.EventTime})
		}
	}
	order := func(a, b UserCount) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Bot, b.Bot), a.Day.Compare(b.Day))
	}
	return sum(all, order, func(into *UserCount, c UserCount) {
		into.Counts.Add(c.Counts, 1)
		if c.First.Before(into.First) {
			into.First = c.First
		}
		if c.Last.After(into.Last) {
			into.Last = c.Last
		}
	})
}

// BotCount is what entries add to the statistics of a bot in a minute.
type BotCount struct {
	Bot string
	// Minute is when the entries happened; Day is that of their events.
	Minute, Day time.Time
	Counts      Counts
	// Duration is how long the attempts among them took together.
	Duration time.Duration
}

// CountBots sums up entries by bot, minute and day, in that order.
func CountBots(entries []Entry) []BotCount {
	all := make([]BotCount, len(entries))
	for i, e := range entries {
		all[i] = BotCount{e.Bot, Micros(e.Time).Truncate(time.Minute), Day(e.EventTime), CountsOf(e.State.Status), e.Took}
	}
	order := func(a, b BotCount) int {
		return cmp.Or(cmp.Compare(a.Bot, b.Bot), a.Minute.Compare(b.Minute), a.Day.Compare(b.Day))
	}
	return sum(all, order, func(into *BotCount, c BotCount) {
		into.Counts.Add(c.Counts, 1)
		into.Duration += c.Duration
	})
}

// sum sorts and adds up what is equal in order, in place.
func sum[T any](all []T, order func(a, b T) int, add func(into *T, other T)) []T {
	slices.SortStableFunc(all, order)
	summed := all[:0]
	for _, c := range all {
		if n := len(summed); n > 0 && order(summed[n-1], c) == 0 {
			add(&summed[n-1], c)
			continue
		}
		summed = append(summed, c)
	}
	return summed
}
