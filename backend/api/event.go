package api

import (
	"context"
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
	// wait is how long to wait for the event to be final.
	wait time.Duration
}

// event answers GET /v1/events/{id}.
func (a *api) event(r *http.Request, c caller) (*reply, error) {
	q, err := parseEventQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	record, err := a.read(r.Context(), r.PathValue("id"), c)
	if err != nil {
		return nil, err
	}
	if !q.at.IsZero() {
		if record, err = store.AsOf(record, q.at); err != nil {
			return nil, err
		}
	}
	return showEvent(record, q.fields)
}

// read reads an event that the caller may see, within the time of a query.
func (a *api) read(ctx context.Context, id string, c caller) (*store.Record, error) {
	if !searchable(id, maxID) {
		return nil, store.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	record, err := a.cfg.Reader.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("reading an event: %w", err)
	}
	if !c.may(record.Event.Bot) {
		return nil, store.ErrNotFound
	}
	return record, nil
}

func parseEventQuery(raw string) (q eventQuery, err error) {
	err = parameters(raw, func(name, value string) error {
		switch name {
		case "fields":
			return setFields(&q.fields, value, names(detailed, bodyMember, encodedBodyMember))
		case "at":
			return setTime(&q.at, name, value)
		case "wait":
			return setWait(&q.wait, value)
		}
		return unknownParameter("fields, at and wait")
	})
	if err == nil && q.wait > 0 && !q.at.IsZero() {
		err = malformed.because("Give at or wait: the past does not change while one waits.")
	}
	return q, err
}

func setWait(wait *time.Duration, value string) (err error) {
	if value == "" {
		return nil
	}
	if *wait, err = time.ParseDuration(value); err != nil || *wait <= 0 || *wait > MaxWait {
		return malformed.because(fmt.Sprintf("The parameter wait must be a duration like 10s, at most %s.", MaxWait))
	}
	return nil
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
