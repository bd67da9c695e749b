package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/document"
	"github.com/botgate/botgate/backend/store"
)

// maxID is the longest id of an event, in bytes.
const maxID = 64

// eventQuery says what is wanted of an event.
type eventQuery struct {
	fields fields
	// at asks how the event stood then; zero for now.
	at time.Time
}

// event answers GET /v1/events/{id}.
func (a *api) event(r *http.Request, c caller) (*reply, error) {
	q, err := parseEventQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if !searchable(id, maxID) {
		return nil, unknownEvent
	}
	record, err := a.cfg.Reader.Get(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("reading an event: %w", err)
	}
	if !c.may(record.Event.Bot) {
		return nil, unknownEvent
	}
	if !q.at.IsZero() {
		if record, err = store.AsOf(record, q.at); err != nil {
			return nil, err
		}
	}
	return showEvent(record, q.fields)
}

func parseEventQuery(raw string) (q eventQuery, err error) {
	err = parameters(raw, func(name, value string) error {
		switch name {
		case "fields":
			return setFields(&q.fields, value, names(detailed, bodyMember, encodedBodyMember))
		case "at":
			return setTime(&q.at, name, value)
		}
		return unknownParameter("fields and at")
	})
	return q, err
}

// showEvent is the document of an event. A body that is not wanted is not looked at.
func showEvent(record *store.Record, wanted fields) (*reply, error) {
	body, err := appendEvent(nil, record, detailed, wanted)
	if err != nil {
		return nil, err
	}
	if wanted.has(bodyMember) || wanted.has(encodedBodyMember) {
		body = document.WithBody(body, record.Event)
	}
	return (&reply{body: body}).kept(), nil
}
