// Package eventjson shows events and dead letters as JSON objects.
package eventjson

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// View is a choice of members of the JSON object that shows an event.
type View struct {
	members []member
	// body adds the body as the last member, under one of the names in bodyNames.
	body bool
}

// Listed is an event in a list, Detailed one that was asked for by its id.
var (
	Listed   = &View{members: listed}
	Detailed = &View{members: append(slices.Clip(listed), attempts, repeats), body: true}
)

// Fields are the names of the members that a caller wants; nil for all.
type Fields map[string]bool

func (f Fields) has(name string) bool { return f == nil || f[name] }

// member is a member of the JSON object that shows an event.
type member struct {
	name string
	// value is what a record has there; nil leaves the member out.
	value func(*store.Record) any
}

// listed are the members of an event in a list, in their order.
var listed = []member{
	{"id", func(r *store.Record) any { return r.Event.ID }},
	{"bot", func(r *store.Record) any { return r.Event.Bot }},
	{"type", func(r *store.Record) any { return r.Event.Type }},
	{"subject", func(r *store.Record) any { return optional(r.Event.Subject) }},
	{"time", func(r *store.Record) any { return store.Micros(r.Event.Time) }},
	{"deliver_at", viewDeliverAt},
	{"not_before", func(r *store.Record) any { return optional(store.Micros(r.Event.NotBefore)) }},
	{"order_key", func(r *store.Record) any { return r.Event.OrderKey }},
	{"verified_by", func(r *store.Record) any { return optional(r.Event.VerifiedBy) }},
	{"requestid", func(r *store.Record) any { return optional(r.Event.RequestID) }},
	{"content_type", func(r *store.Record) any { return optional(r.Event.ContentType) }},
	{"status", func(r *store.Record) any { return r.Status }},
	{"recorded_at", func(r *store.Record) any { return store.Micros(r.RecordedAt) }},
	{"updated_at", func(r *store.Record) any { return store.Micros(r.UpdatedAt) }},
	{"attempt_count", func(r *store.Record) any { return r.AttemptCount }},
	{"replays", func(r *store.Record) any { return r.Replays }},
	{"size", func(r *store.Record) any { return r.Size }},
	{"delivery_ms", viewDelivery},
	{"last", viewLast},
}

// viewDeliverAt is when an event was to be delivered that was scheduled.
func viewDeliverAt(r *store.Record) any {
	if !r.Event.IsScheduled() {
		return nil
	}
	return store.Micros(r.Event.Time)
}

// viewDelivery is how long a delivered event took from its acceptance on.
func viewDelivery(r *store.Record) any {
	if r.Status != event.StatusDelivered {
		return nil
	}
	return max(r.UpdatedAt.Sub(r.Event.Time).Milliseconds(), 0)
}

// viewLast is the attempt or replay by which the event got its status, without the bot's answer.
func viewLast(r *store.Record) any {
	if r.Last == nil {
		return nil
	}
	last := *r.Last
	last.Answer = nil
	return viewAttempts([]event.Change{last})[0]
}

var attempts = member{"attempts", func(r *store.Record) any { return viewAttempts(r.Attempts) }}

// repeats is left out of an event that was sent once.
var repeats = member{"repeats", func(r *store.Record) any {
	if len(r.Repeats) == 0 {
		return nil
	}
	times := make([]time.Time, len(r.Repeats))
	for i, at := range r.Repeats {
		times[i] = store.Micros(at)
	}
	return times
}}

// optional leaves out a member that has the zero value.
func optional[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}

// attemptView is one attempt to deliver an event, or its redrive from the dead letters.
type attemptView struct {
	Attempt     int            `json:"attempt"`
	Replays     int            `json:"replays,omitempty"`
	Status      event.Status   `json:"status"`
	At          time.Time      `json:"at"`
	DurationMS  int64          `json:"duration_ms"`
	StatusCode  int            `json:"status_code,omitempty"`
	Percent     int            `json:"percent,omitempty"`
	Error       string         `json:"error,omitempty"`
	Answered    event.Answered `json:"answered,omitempty"`
	Answer      *answerView    `json:"answer,omitempty"`
	NextAttempt *time.Time     `json:"next_attempt,omitempty"`
}

func viewAttempts(changes []event.Change) []attemptView {
	views := make([]attemptView, len(changes))
	for i, c := range changes {
		if len(changes)-i > MaxAnswers {
			c.Answer = nil
		}
		views[i] = attemptView{
			Attempt: c.Attempt, Replays: c.Replays, Status: c.Status, At: store.Micros(c.At), DurationMS: c.DurationMS,
			StatusCode: c.StatusCode, Percent: c.Percent, Error: c.Error, Answered: c.Answered, Answer: viewAnswer(c.Answer),
		}
		if c.NextAttempt != nil {
			views[i].NextAttempt = new(store.Micros(*c.NextAttempt))
		}
	}
	return views
}

// Names are those of all members.
func (v *View) Names() []string {
	var names []string
	for _, m := range v.members {
		names = append(names, m.name)
	}
	if v.body {
		names = append(names, bodyNames[:]...)
	}
	return names
}

// Append appends the JSON object with the members that are wanted. A body that is not wanted is not read.
func (v *View) Append(out []byte, r *store.Record, wanted Fields) ([]byte, error) {
	separator := byte('{')
	for _, m := range v.members {
		if !wanted.has(m.name) {
			continue
		}
		value := m.value(r)
		if value == nil {
			continue
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encoding %s of an event: %w", m.name, err)
		}
		out = append(out, separator, '"')
		out = append(append(out, m.name...), '"', ':')
		out, separator = append(out, encoded...), ','
	}
	if separator == '{' {
		out = append(out, '{')
	}
	out = append(out, '}')
	if v.body && (wanted.has(bodyNames[0]) || wanted.has(bodyNames[1])) {
		out = withBody(out, r.Event)
	}
	return out, nil
}

// AppendLine appends the detailed object in one line, for exports: between the tokens of a JSON body a line break
// becomes a space. Strings in JSON contain none.
func AppendLine(out []byte, r *store.Record) ([]byte, error) {
	start := len(out)
	out, err := Detailed.Append(out, r, nil)
	for i := start; i < len(out); i++ {
		if out[i] == '\n' || out[i] == '\r' {
			out[i] = ' '
		}
	}
	return out, err
}
