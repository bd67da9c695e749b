package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/eventjson"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/problem"
)

// getEvent answers GET /v1/events/{id}: how the event is now, was at a time, or will be once it is final.
func (a *API) getEvent(w *response, r *http.Request, c caller) error {
	var (
		wanted eventjson.Fields
		at     time.Time
		wait   time.Duration
	)
	err := parameters{
		"fields": fields(&wanted, eventjson.Detailed), "at": timestamp(&at), "wait": span(&wait, maxWait),
	}.read(r)
	if err != nil {
		return err
	}
	if wait > 0 && !at.IsZero() {
		return problem.Malformed.WithDetail("Give at or wait: the past does not change while one waits.")
	}
	record, err := a.eventWithin(r.Context(), w, idIn(r), c, wait)
	if err == nil && !at.IsZero() {
		record, err = store.AsOf(record, at)
	}
	if err != nil {
		return err
	}
	body, err := eventjson.Detailed.Append(nil, record, wanted)
	if err != nil {
		return err
	}
	w.sendKept(r, versionOf(body), body)
	return nil
}

// readEvent reads an event that the caller may see, within the time of a query.
func (a *API) readEvent(ctx context.Context, id string, c caller) (*store.Record, error) {
	if !store.ValidID(id) {
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

// fields reads a list of names of members.
func fields(wanted *eventjson.Fields, of *eventjson.View) func(name, value string) error {
	return func(name, value string) error {
		known := of.Names()
		*wanted = eventjson.Fields{}
		for member := range strings.SplitSeq(value, ",") {
			if !slices.Contains(known, member) {
				return fmt.Errorf("%s must be names from %s; with commas between", name, strings.Join(known, ", "))
			}
			(*wanted)[member] = true
		}
		return nil
	}
}
