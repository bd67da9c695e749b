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
	// Accepted counts the events; those that were deferred are among them, and those that were scheduled once
	// they are released.
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
	if status == event.StatusDeferred || status == event.StatusReleased {
		c.Accepted = 1
	}
	return c
}

// Uncounted are the statuses of entries that no counter has.
func Uncounted() []event.Status {
	return append(event.Asides(), event.StatusScheduled, event.StatusDue, event.StatusCancelled)
}

// counts reports whether the entry is one of those that are counted.
func (e Entry) counts() bool { return CountsOf(e.State.Status) != Counts{} }

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
	type key struct {
		subject, bot string
		day          int64
	}
	all := newGroups[key, UserCount](len(entries))
	for i := range entries {
		e := &entries[i]
		if e.Subject == "" || !e.counts() {
			continue
		}
		day := Day(e.EventTime)
		c, fresh := all.at(key{e.Subject, e.Bot, day.Unix()})
		if fresh {
			*c = UserCount{Subject: e.Subject, Bot: e.Bot, Day: day, First: e.EventTime, Last: e.EventTime}
		}
		c.Counts.Add(CountsOf(e.State.Status), 1)
		if e.EventTime.Before(c.First) {
			c.First = e.EventTime
		}
		if e.EventTime.After(c.Last) {
			c.Last = e.EventTime
		}
	}
	slices.SortFunc(all.rows, func(a, b UserCount) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Bot, b.Bot), a.Day.Compare(b.Day))
	})
	return all.rows
}

// BotCount is what entries add to the statistics of a bot in a minute.
type BotCount struct {
	Bot string
	// Minute is when the entries happened; Day is that of their events.
	Minute, Day time.Time
	Activity
}

// CountBots sums up entries by bot, minute and day, in that order.
func CountBots(entries []Entry) []BotCount {
	type key struct {
		bot         string
		minute, day int64
	}
	all := newGroups[key, BotCount](0)
	for i := range entries {
		e := &entries[i]
		if !e.counts() {
			continue
		}
		minute, day := Micros(e.Time).Truncate(time.Minute), Day(e.EventTime)
		c, fresh := all.at(key{e.Bot, minute.Unix(), day.Unix()})
		if fresh {
			*c = BotCount{Bot: e.Bot, Minute: minute, Day: day}
		}
		c.Add(ActivityOf(e), 1)
	}
	slices.SortFunc(all.rows, func(a, b BotCount) int {
		return cmp.Or(cmp.Compare(a.Bot, b.Bot), a.Minute.Compare(b.Minute), a.Day.Compare(b.Day))
	})
	return all.rows
}

// groups are rows by a key.
type groups[K comparable, T any] struct {
	index map[K]int
	rows  []T
}

func newGroups[K comparable, T any](most int) *groups[K, T] {
	return &groups[K, T]{make(map[K]int, most), make([]T, 0, most)}
}

// at returns the row of a key, which may be fresh; until the next call.
func (g *groups[K, T]) at(key K) (row *T, fresh bool) {
	i, ok := g.index[key]
	if !ok {
		i = len(g.rows)
		g.index[key] = i
		g.rows = append(g.rows, *new(T))
	}
	return &g.rows[i], !ok
}

// SumMinutes sums up what happened in the same minute, in order and in place; at most MaxMinutes.
func SumMinutes(all []Minute) []Minute {
	all = sum(all, func(a, b Minute) int { return a.Minute.Compare(b.Minute) }, func(into *Minute, m Minute) {
		into.Add(m.Activity, 1)
	})
	return all[:min(len(all), MaxMinutes)]
}

// sum sorts and adds up what is equal in order, in place.
func sum[T any](all []T, order func(a, b T) int, add func(into *T, other T)) []T {
	if !slices.IsSortedFunc(all, order) {
		slices.SortStableFunc(all, order)
	}
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
