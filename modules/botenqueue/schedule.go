package botenqueue

import (
	"bytes"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/rfc3339"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/payload"
)

const (
	// headerDeliverAt is when an API client wants its event to be delivered.
	headerDeliverAt = "Botgate-Deliver-At"
	// memberDeliverAt is the member of a JSON body that says so where there is no header.
	memberDeliverAt = "deliver_at"
)

// schedule has an event wait for the time that its sender names, if any: up to [event.MinAhead] in the queue, and
// longer in the log. What is due is delivered at once.
func schedule(e *event.Event, r *http.Request, body *payload.Payload) *problem.Problem {
	text, from, refusal := deliverAt(r, body)
	if refusal != nil || from == "" {
		return refusal
	}
	at, err := rfc3339.Parse(text)
	if err != nil {
		return badSchedule(from, "must be a time like 2026-03-01T12:00:00Z")
	}
	at = at.UTC().Truncate(time.Microsecond)
	switch ahead := at.Sub(e.Time); {
	case ahead > event.MaxAhead:
		return badSchedule(from, "must be within 366 days")
	case ahead > event.MinAhead:
		e.Schedule(at)
	case at.After(e.NotBefore) && ahead > 0:
		e.NotBefore = at
	}
	return nil
}

// deliverAt returns the time as the sender wrote it, and where it is from; that is empty where there is none.
func deliverAt(r *http.Request, body *payload.Payload) (text, from string, refusal *problem.Problem) {
	switch given := r.Header.Values(headerDeliverAt); {
	case len(given) > 1:
		return "", "", badSchedule("header "+headerDeliverAt, "must be there once")
	case len(given) == 1:
		return given[0], "header " + headerDeliverAt, nil
	}
	value, ok := deliverAtIn(body)
	switch {
	case !ok || value.Kind() == jsondoc.Null:
		return "", "", nil
	case value.Kind() != jsondoc.String:
		return "", "", badSchedule("member "+memberDeliverAt, "must be a text")
	}
	return string(value.Text(nil)), "member " + memberDeliverAt, nil
}

// deliverAtIn returns the member of a body; what is no JSON has none.
func deliverAtIn(body *payload.Payload) (value jsondoc.Value, ok bool) {
	content, err := body.Content()
	// Most bodies do not have the name, which can be written with escape sequences.
	if err == nil && (bytes.Contains(content, []byte(memberDeliverAt)) || bytes.Contains(content, []byte(`\u`))) {
		if document, err := body.Parse(jsondoc.Limits{}); err == nil {
			return document.Root().Member(memberDeliverAt)
		}
	}
	return value, false
}

func badSchedule(from, why string) *problem.Problem {
	return problem.Malformed.WithDetail("The %s %s.", from, why)
}
