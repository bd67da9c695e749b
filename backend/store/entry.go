package store

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/botgate/botgate/internal/event"
)

// Entry is a row of the log: an event, or a change with its decoded contents.
type Entry struct {
	*event.Event
	// Ref is the id of the event that a change is about; empty for events.
	Ref string
	// EventTime is the time of the event that the entry belongs to. All entries of an event
	// have the same one, and stand together in the log.
	EventTime time.Time
	// EventType is the type of that event.
	EventType string
	// Bucket is that of the event, see [event.BucketOfID].
	Bucket int
	// State is what the entry says about the status of its event.
	State State
	// Took is how long the attempt took that a change is about, in whole milliseconds.
	Took time.Duration
	// RecordedAt is when the entry was written to the log; zero until it is.
	RecordedAt time.Time
}

// Position is where the entry stands in the log.
func (e Entry) Position() LogPosition { return LogPosition{e.RecordedAt, e.ID} }

// About is the id of the event that the entry belongs to.
func (e Entry) About() string { return cmp.Or(e.Ref, e.ID) }

// AcceptedAt is when the event was accepted that the entry belongs to, as far as the entry says: EventTime,
// but for what was scheduled.
func (e Entry) AcceptedAt() time.Time {
	if !e.ScheduledAt.IsZero() {
		return e.ScheduledAt
	}
	return e.EventTime
}

// At returns the entry with the time that its event has in the log, since the first entry of an
// event decides on that.
func (e Entry) At(at time.Time) Entry {
	if e.Ref == "" && !e.Time.Equal(at) {
		accepted := *e.Event
		accepted.Time, e.State.UpdatedAt = at, at
		e.Event = &accepted
	}
	e.EventTime = at
	return e
}

// Distinct returns a copy of the entries, each id once (the first one counts) and sorted by id,
// which is the lock order of all transactions.
func Distinct(entries []Entry) []Entry {
	// Entries are large: their numbers are sorted instead.
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(entries[a].ID, entries[b].ID), a-b) })
	distinct := make([]Entry, 0, len(entries))
	for _, i := range order {
		if n := len(distinct); n == 0 || distinct[n-1].ID != entries[i].ID {
			distinct = append(distinct, entries[i])
		}
	}
	return distinct
}

// NewEntry makes the log row of an event, or of a change, which it decodes. It fails when
// the event can never be recorded.
func NewEntry(e *event.Event) (Entry, error) {
	if err := checkText(e); err != nil {
		return Entry{}, err
	}
	if !e.IsChange() {
		return acceptance(e), nil
	}
	c, err := event.ParseChange(e)
	if err != nil {
		return Entry{}, err
	}
	if !counts(c.Attempt) || !counts(c.Replays) || !ValidID(c.EventID) || !ValidTime(c.EventTime) || !validText(c.EventType) {
		return Entry{}, fmt.Errorf("change %s: attempt, replays, or the event's id, time or type is out of range", e.ID)
	}
	return Entry{
		Event:     e,
		Ref:       c.EventID,
		EventTime: Micros(c.EventTime),
		EventType: c.EventType,
		Bucket:    event.BucketOfID(c.EventID),
		State:     State{Status: c.Status, Attempts: c.Attempt, Replays: c.Replays, UpdatedAt: Micros(e.Time)},
		Took:      time.Duration(min(max(c.DurationMS, 0), math.MaxInt32)) * time.Millisecond,
	}, nil
}

// acceptance is the entry of an event itself.
func acceptance(e *event.Event) Entry {
	status := event.StatusAccepted
	switch {
	case e.IsScheduled():
		status = event.StatusScheduled
	case e.NotBefore.After(e.Time):
		status = event.StatusDeferred
	}
	at := Micros(e.Time)
	return Entry{
		Event: e, EventTime: at, EventType: e.Type, Bucket: event.BucketOfID(e.ID),
		State: State{Status: status, UpdatedAt: at},
	}
}

// counts reports whether a number fits into the columns of both engines.
func counts(n int) bool { return n >= 0 && n <= math.MaxInt32 }

// checkText makes both engines refuse the same events: PostgreSQL takes neither NUL nor
// invalid UTF-8, which SQLite would store.
func checkText(e *event.Event) error {
	if err := e.Validate(); err != nil {
		return err
	}
	for _, s := range []string{e.ID, e.Type, e.Subject, e.OrderKey, e.VerifiedBy, e.TraceParent, e.RequestID, e.ContentType, string(e.Headers)} {
		if !validText(s) {
			return errors.New("an attribute of the event is not valid text")
		}
	}
	return nil
}

// ValidID reports whether an event can have the id at all.
func ValidID(id string) bool { return id != "" && len(id) <= 64 && validText(id) }

func validText(s string) bool {
	return utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

// Micros is t as the stores keep it: UTC, in microseconds.
func Micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
