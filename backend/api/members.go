package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

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
	{"time", func(r *store.Record) any { return r.Event.Time.UTC() }},
	{"not_before", func(r *store.Record) any { return optionalTime(r.Event.NotBefore) }},
	{"order_key", func(r *store.Record) any { return r.Event.OrderKey }},
	{"verified_by", func(r *store.Record) any { return optional(r.Event.VerifiedBy) }},
	{"content_type", func(r *store.Record) any { return optional(r.Event.ContentType) }},
	{"status", func(r *store.Record) any { return r.Status }},
	{"recorded_at", func(r *store.Record) any { return r.RecordedAt.UTC() }},
	{"updated_at", func(r *store.Record) any { return r.UpdatedAt.UTC() }},
	{"attempt_count", func(r *store.Record) any { return r.AttemptCount }},
}

// detailed are those of an event asked for by id, but for its body.
var detailed = append(slices.Clone(listed), member{"attempts", func(r *store.Record) any { return viewAttempts(r.Attempts) }})

// The body is one of two members, see [document.WithBody]; asking for either is asking
// for it.
const bodyMember, encodedBodyMember = "data", "data_base64"

func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func optionalTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// attemptView is one attempt to deliver an event, or its way out of the dead letters.
type attemptView struct {
	Attempt     int          `json:"attempt"`
	Replays     int          `json:"replays,omitempty"`
	Status      event.Status `json:"status"`
	At          time.Time    `json:"at"`
	DurationMS  int64        `json:"duration_ms"`
	StatusCode  int          `json:"status_code,omitempty"`
	Error       string       `json:"error,omitempty"`
	NextAttempt *time.Time   `json:"next_attempt,omitempty"`
}

func viewAttempts(changes []event.Change) []attemptView {
	views := make([]attemptView, len(changes))
	for i, c := range changes {
		views[i] = attemptView{
			Attempt: c.Attempt, Replays: c.Replays, Status: c.Status, At: c.At.UTC(), DurationMS: c.DurationMS,
			StatusCode: c.StatusCode, Error: c.Error, NextAttempt: c.NextAttempt,
		}
	}
	return views
}

// fields are the names of the members that a caller wants; nil for all.
type fields map[string]bool

func (f fields) has(name string) bool { return f == nil || f[name] }

// setFields reads a list of names, which must be known.
func setFields(f *fields, value string, known []string) error {
	if value == "" {
		return nil
	}
	*f = fields{}
	for name := range strings.SplitSeq(value, ",") {
		if !slices.Contains(known, name) {
			return malformed.because("The parameter fields must be names from " + strings.Join(known, ", ") + "; with commas between.")
		}
		(*f)[name] = true
	}
	return nil
}

// names are those of members, and of more.
func names(members []member, more ...string) []string {
	all := make([]string, len(members), len(members)+len(more))
	for i, m := range members {
		all[i] = m.name
	}
	return append(all, more...)
}

// appendEvent appends a JSON object with the members that are wanted.
func appendEvent(out []byte, r *store.Record, members []member, wanted fields) ([]byte, error) {
	separator := byte('{')
	for _, m := range members {
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
	return append(out, '}'), nil
}
