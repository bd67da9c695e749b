package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/retry"
)

// Canceller takes scheduled events back.
type Canceller interface {
	// Cancel returns nil when the event is never delivered, and [schedule.ErrNotScheduled] when it can't be cancelled.
	Cancel(ctx context.Context, record *store.Record) error
}

const (
	// recordedSoon is how long an event may be on its way to the log that is to be cancelled.
	recordedSoon = 2 * time.Second
	// recordedPoll is the pause between two looks for it.
	recordedPoll = 100 * time.Millisecond
)

// cancelEvent answers DELETE /v1/events/{id}: the event is never delivered then.
func (a *API) cancelEvent(w *response, r *http.Request, c caller) error {
	if err := (parameters{}).read(r); err != nil {
		return err
	}
	record, err := a.awaitRecorded(store.Fresh(r.Context()), idIn(r), c)
	if err != nil {
		return err
	}
	if err := a.cfg.Cancel.Cancel(r.Context(), record); err != nil {
		return err
	}
	a.cfg.Logger.InfoContext(r.Context(), "scheduled event is cancelled", record.Event.LogAttr())
	w.begin(http.StatusNoContent, "", notKept)
	return nil
}

// awaitRecorded reads an event that may have been accepted a moment ago.
func (a *API) awaitRecorded(ctx context.Context, id string, c caller) (record *store.Record, err error) {
	for until := time.Now().Add(recordedSoon); ; {
		record, err = a.readEvent(ctx, id, c)
		if !errors.Is(err, store.ErrNotFound) || time.Now().After(until) || !retry.Sleep(ctx, recordedPoll) {
			return record, err
		}
	}
}
