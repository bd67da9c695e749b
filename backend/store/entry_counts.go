package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Counts are the numbers of log entries by status. They are additive: the order of the entries
// and the split into parts do not matter.
type Counts struct {
	// Accepted counts the events; those that were deferred are among them.
	Accepted int64
	// Deferred counts events that had to wait for a limit.
	Deferred int64
	// Delivered, Failed, Dead, Expired, Replayed and Dropped count what became of events: an event
	// that was tried twice and then delivered counts twice in Failed and once in Delivered.
	Delivered, Failed, Dead, Expired, Replayed, Dropped int64
}

// countOrder is the order of the counters' columns in both engines, and of [Counts.fields].
var countOrder = []event.Status{
	event.StatusAccepted, event.StatusDeferred, event.StatusDelivered, event.StatusFailed, event.StatusDead,
	event.StatusExpired, event.StatusReplayed, event.StatusDropped,
}

func (c *Counts) fields() []*int64 {
	return []*int64{&c.Accepted, &c.Deferred, &c.Delivered, &c.Failed, &c.Dead, &c.Expired, &c.Replayed, &c.Dropped}
}

// CountsOf counts one entry.
func CountsOf(status event.Status) Counts {
	var c Counts
	if i := slices.Index(countOrder, status); i >= 0 {
		*c.fields()[i] = 1
	}
	if status == event.StatusDeferred {
		c.Accepted = 1
	}
	return c
}

// counts reports whether the entry is one of those that are counted; a repeat is none.
func (e Entry) counts() bool { return e.State.Status != event.StatusRepeated }

// Add adds other, sign times.
func (c *Counts) Add(other Counts, sign int64) {
	for i, field := range c.fields() {
		*field += sign * *other.fields()[i]
	}
}

// CountColumns is how many counters there are.
const CountColumns = 8

// Numbers yields the counts in the order of [Counts.Columns].
func (c *Counts) Numbers() [CountColumns]int64 {
	return [...]int64{c.Accepted, c.Deferred, c.Delivered, c.Failed, c.Dead, c.Expired, c.Replayed, c.Dropped}
}

// Columns returns pointers to the counts in the order of the columns of both engines, to
// send them or to scan them: accepted, deferred, delivered, failed, dead, expired, replayed, dropped.
func (c *Counts) Columns() []any {
	columns := make([]any, 0, len(countOrder))
	for _, field := range c.fields() {
		columns = append(columns, field)
	}
	return columns
}

// Day is the UTC day of a time; the log and the read models are kept, and dropped, by the days of
// the events.
func Day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// UserCount is what entries add to a user's counters at a bot, on the day of their events.
type UserCount struct {
	Subject, Bot string
	Day          time.Time
	Counts       Counts
	// First and Last are the times of the first and the last of the events.
	First, Last time.Time
}

// CountUsers sums up entries by user, bot and day, sorted in that order. Entries without a user
// do not count.
func CountUsers(entries []Entry) []UserCount {
	all := make([]UserCount, 0, len(entries))
	for _, e := range entries {
		if e.Subject != "" && e.counts() {
			all = append(all, UserCount{e.Subject, e.Bot, Day(e.EventTime), CountsOf(e.State.Status), e.EventTime, e.EventTime})
		}
	}
	order := func(a, b UserCount) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Bot, b.Bot), a.Day.Compare(b.Day))
	}
	return sum(all, order, func(into *UserCount, c UserCount) {
		into.Counts.Add(c.Counts, 1)
		into.First = slices.MinFunc([]time.Time{into.First, c.First}, time.Time.Compare)
		into.Last = slices.MaxFunc([]time.Time{into.Last, c.Last}, time.Time.Compare)
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
	all := make([]BotCount, 0, len(entries))
	for _, e := range entries {
		if e.counts() {
			minute := Micros(e.Time).Truncate(time.Minute)
			all = append(all, BotCount{e.Bot, minute, Day(e.EventTime), CountsOf(e.State.Status), e.Took})
		}
	}
	order := func(a, b BotCount) int {
		return cmp.Or(cmp.Compare(a.Bot, b.Bot), a.Minute.Compare(b.Minute), a.Day.Compare(b.Day))
	}
	return sum(all, order, func(into *BotCount, c BotCount) {
		into.Counts.Add(c.Counts, 1)
		into.Duration += c.Duration
	})
}

// SumMinutes sums up what happened in the same minute, in order and in place; at most MaxMinutes.
func SumMinutes(all []Minute) []Minute {
	all = sum(all, func(a, b Minute) int { return a.Minute.Compare(b.Minute) }, func(into *Minute, m Minute) {
		into.Counts.Add(m.Counts, 1)
		into.Duration += m.Duration
	})
	return all[:min(len(all), MaxMinutes)]
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
