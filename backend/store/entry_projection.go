package store

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// State is the delivery state of an event in the read model.
type State struct {
	Status   event.Status
	Attempts int
	// Replays is how often the event had come back from the dead letters by then.
	Replays   int
	UpdatedAt time.Time
}

// Merge joins two states of one event. It is commutative and idempotent, since changes may be
// recorded late, repeatedly and before their event. Delivered wins, then more replays, then the
// greater status, then the later one; attempts never decrease.
func (s State) Merge(other State) State {
	merged := s
	if s.compare(other) < 0 {
		merged = other
	}
	merged.Attempts = max(s.Attempts, other.Attempts)
	return merged
}

func (s State) compare(other State) int {
	if s.Status != other.Status && (s.Status == event.StatusDelivered || other.Status == event.StatusDelivered) {
		return cmp.Compare(Code(s.Status), Code(other.Status))
	}
	return cmp.Or(
		cmp.Compare(s.Replays, other.Replays),
		cmp.Compare(Code(s.Status), Code(other.Status)),
		s.UpdatedAt.Compare(other.UpdatedAt))
}

func stateOf(c event.Change) State {
	return State{Status: c.Status, Attempts: c.Attempt, Replays: c.Replays, UpdatedAt: Micros(c.At)}
}

// Last returns the change by which an event got its status, as [State.Merge] decides; nil for none. Asides are none.
func Last(changes []event.Change) (last *event.Change) {
	for i, c := range changes {
		if c.Status.IsAside() {
			continue
		}
		if last == nil || stateOf(*last).compare(stateOf(c)) <= 0 {
			last = &changes[i]
		}
	}
	return last
}

// Projection is the effect of newly recorded entries on the read model of one event.
type Projection struct {
	EventID string
	// EventTime is that of the first entry among them.
	EventTime time.Time
	// Bot and EventType are those of the event, as the entries have them.
	Bot, EventType string
	// Event is nil when only changes of it were among the entries.
	Event *event.Event
	State State
}

// Project sums up newly recorded entries as one projection per event, sorted by event id.
func Project(entries []Entry) []Projection {
	all := make([]Projection, len(entries))
	for i, e := range entries {
		all[i] = Projection{EventID: e.About(), EventTime: e.EventTime, Bot: e.Bot, EventType: e.EventType, State: e.State}
		if e.Ref == "" {
			all[i].Event = e.Event
		}
	}
	order := func(a, b Projection) int { return cmp.Compare(a.EventID, b.EventID) }
	return sum(all, order, func(into *Projection, p Projection) {
		into.State = into.State.Merge(p.State)
		if p.Event != nil {
			into.Event, into.Bot, into.EventType = p.Event, p.Bot, p.EventType
		}
		if s := into.State.Status; s == event.StatusAccepted || s == event.StatusDeferred || s == event.StatusScheduled {
			into.State.UpdatedAt = into.EventTime
		}
	})
}

// ParseChanges reads the attempts, with how far each was and what became of a late answer, and the repeats of an event
// out of the bodies of its changes.
func ParseChanges(bodies [][]byte) (attempts []event.Change, repeats []time.Time, err error) {
	attempts = make([]event.Change, 0, len(bodies))
	for _, body := range bodies {
		c, err := event.ParseChange(&event.Event{Data: body})
		switch {
		case err != nil:
			return nil, nil, err
		case c.Status == event.StatusRepeated:
			repeats = append(repeats, c.At)
		case len(attempts) < MaxAttempts:
			attempts = append(attempts, c)
		}
	}
	return attempts, repeats, nil
}

// codes are the numbers under which engines keep statuses. Their order is the projection rule:
// a greater code never gives way to a smaller one, except after a replay; see [State.Merge].
// Delivered is the greatest: once the bot has the event, no outcome of a redelivery changes
// that. The gaps leave room for statuses to come.
var codes = map[event.Status]int{
	event.StatusAnswered:  3,
	event.StatusProgress:  4,
	event.StatusRepeated:  5, // The greatest of those that are of changes only.
	event.StatusScheduled: 7,
	event.StatusDue:       8,
	event.StatusAccepted:  10,
	event.StatusDeferred:  12,
	event.StatusReleased:  13,
	event.StatusReplayed:  15,
	event.StatusFailed:    20,
	event.StatusExpired:   25,
	event.StatusDead:      30,
	event.StatusDropped:   35,
	event.StatusCancelled: 37,
	event.StatusDelivered: 40,
}

var statuses = func() map[int]event.Status {
	byCode := make(map[int]event.Status, len(codes))
	for status, code := range codes {
		byCode[code] = status
	}
	return byCode
}()

// Code returns the number under which engines keep a status, or 0 for a status that does
// not exist. Greater numbers win.
func Code(s event.Status) int { return codes[s] }

// StatusOf returns the status with a code, or "" when there is none.
func StatusOf(code int) event.Status { return statuses[code] }

// AsOf returns a record as of a time, from its attempts; [ErrNotFound] for a time before the
// event was accepted. The record itself is not changed.
//
// It goes by when attempts ended, not by when they were recorded. So the answer can change later:
// changes of that time may still be in the queue.
func AsOf(r *Record, at time.Time) (*Record, error) {
	if at.Before(r.Event.AcceptedAt()) {
		return nil, fmt.Errorf("%w at %s", ErrNotFound, at.UTC().Format(time.RFC3339))
	}
	state := acceptance(r.Event).State
	then := *r
	then.Attempts = make([]event.Change, 0, len(r.Attempts))
	for _, c := range r.Attempts {
		if !c.At.After(at) {
			then.Attempts = append(then.Attempts, c)
			state = state.Merge(stateOf(c))
		}
	}
	then.Repeats = slices.DeleteFunc(slices.Clone(r.Repeats), func(t time.Time) bool { return t.After(at) })
	then.Last = Last(then.Attempts)
	then.Status, then.AttemptCount, then.Replays, then.UpdatedAt = state.Status, state.Attempts, state.Replays, state.UpdatedAt
	return &then, nil
}
