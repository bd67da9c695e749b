package event

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	specVersion  = "1.0"
	sourcePrefix = "/bots/"
)

// Attribute is one CloudEvents context attribute in its string form.
type Attribute struct{ Name, Value string }

// Attributes lists the event's context attributes, those that are empty left out.
// Transports prefix the names as their binding asks: "cloudEvents:" in AMQP, "ce-" in
// HTTP. The content type is not among them: every transport has a place of its own for it.
func (e *Event) Attributes() []Attribute {
	all := [...]Attribute{
		{"specversion", specVersion},
		{"id", e.ID},
		{"source", e.Source()},
		{"type", e.Type},
		{"subject", e.Subject},
		{"time", e.Time.UTC().Format(time.RFC3339Nano)},
		{"bot", e.Bot},
		{"orderkey", e.OrderKey},
		{"partition", strconv.Itoa(e.Partition())},
		{"verifiedby", e.VerifiedBy},
		{"traceparent", e.TraceParent},
		{"notbefore", formatTime(e.NotBefore)},
		{"dataref", e.DataRef},
	}
	set := make([]Attribute, 0, len(all))
	for _, a := range all {
		if a.Value != "" {
			set = append(set, a)
		}
	}
	return set
}

// formatTime leaves the zero time out.
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(name, text string) (t time.Time, err error) {
	if t, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return t, fmt.Errorf("event: %s: %w", name, err)
	}
	return t, nil
}

// FromAttributes rebuilds an event from what get returns for each attribute name
// ("" when it is absent). It fails when a required attribute is missing or malformed.
func FromAttributes(get func(name string) string, contentType string, data []byte) (*Event, error) {
	if v := get("specversion"); v != specVersion {
		return nil, fmt.Errorf("event: specversion %q is not %s", v, specVersion)
	}
	at, err := parseTime("time", get("time"))
	if err != nil {
		return nil, err
	}
	var notBefore time.Time
	if text := get("notbefore"); text != "" {
		if notBefore, err = parseTime("notbefore", text); err != nil {
			return nil, err
		}
	}
	e := &Event{
		ID:          get("id"),
		Bot:         strings.TrimPrefix(get("source"), sourcePrefix),
		Type:        get("type"),
		Subject:     get("subject"),
		Time:        at,
		NotBefore:   notBefore,
		OrderKey:    get("orderkey"),
		VerifiedBy:  get("verifiedby"),
		TraceParent: get("traceparent"),
		ContentType: contentType,
		Data:        data,
		DataRef:     get("dataref"),
	}
	if err := e.Validate(); err != nil {
		return nil, err
	}
	return e, nil
}
