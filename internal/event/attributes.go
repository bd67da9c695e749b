package event

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

const (
	specVersion  = "1.0"
	sourcePrefix = "/bots/"
)

// part is a field of an event under the name of its attribute.
type part[T any] struct {
	name  string
	field *T
}

func (e *Event) texts() []part[string] {
	return []part[string]{
		{"id", &e.ID},
		{"type", &e.Type},
		{"subject", &e.Subject},
		{"orderkey", &e.OrderKey},
		{"verifiedby", &e.VerifiedBy},
		{"traceparent", &e.TraceParent},
		{"requestid", &e.RequestID},
		{"dataref", &e.DataRef},
	}
}

func (e *Event) times() []part[time.Time] {
	return []part[time.Time]{{"time", &e.Time}, {"notbefore", &e.NotBefore}, {"scheduledat", &e.ScheduledAt}}
}

// Attributes yields the names and values of the event's CloudEvents context attributes, those that
// are empty left out. The HTTP binding prefixes the names with "ce-". The content type and [Event.Headers] are not
// among them: every transport has a place of its own for those.
func (e *Event) Attributes() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, t := range e.texts() {
			if *t.field != "" && !yield(t.name, *t.field) {
				return
			}
		}
		for _, t := range e.times() {
			if !t.field.IsZero() && !yield(t.name, t.field.UTC().Format(time.RFC3339Nano)) {
				return
			}
		}
		_ = yield("specversion", specVersion) && yield("source", e.Source()) && yield("bot", e.Bot)
	}
}

// AttributeNames are the names of all attributes that [Event.Attributes] can yield.
func AttributeNames() []string {
	e, names := &Event{}, []string{"specversion", "source", "bot"}
	for _, t := range e.texts() {
		names = append(names, t.name)
	}
	for _, t := range e.times() {
		names = append(names, t.name)
	}
	return names
}

// FromAttributes rebuilds an event from what get returns for each attribute name
// ("" when it is absent). It fails when a required attribute is missing or malformed.
func FromAttributes(get func(name string) string, contentType string, data []byte) (*Event, error) {
	if v := get("specversion"); v != specVersion {
		return nil, fmt.Errorf("event: specversion %q is not %s", v, specVersion)
	}
	e := &Event{Bot: strings.TrimPrefix(get("source"), sourcePrefix), ContentType: contentType, Data: data}
	for _, t := range e.texts() {
		*t.field = get(t.name)
	}
	for _, t := range e.times() {
		text := get(t.name)
		if text == "" {
			continue
		}
		var err error
		if *t.field, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return nil, fmt.Errorf("event: %s: %w", t.name, err)
		}
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return e, nil
}
