package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// MaxWait is the longest value of the parameter wait.
const MaxWait = 30 * time.Second

// waits reports whether a request for an event is to be held until the event is final.
func waits(r *http.Request) bool { return r.URL.Query().Get("wait") != "" }

// waitable answers requests for an event by one of two handlers. Those that wait outlast
// the server's timeouts.
func waitable(event, wait http.Handler, longest time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !waits(r) {
			event.ServeHTTP(w, r)
			return
		}
		allow(w, longest+writeMargin)
		wait.ServeHTTP(w, r)
	})
}

// waitBeat is how often a request that waits looks by itself: whoever recorded something may
// have ended, or not have heard of the commit, before it could tell.
const waitBeat = 3 * time.Second

// writeMargin is how long an answer may take on its way to the client.
const writeMargin = 10 * time.Second

// allow gives a request another span of time, from now on, than the server's timeouts do. A
// connection without deadlines has no timeouts either.
func allow(w http.ResponseWriter, span time.Duration) {
	control, until := http.NewResponseController(w), time.Now().Add(span)
	_ = control.SetReadDeadline(until) // The server reads to learn that the client is gone.
	_ = control.SetWriteDeadline(until)
}

// waitForEvent answers GET /v1/events/{id}?wait=.
func (a *api) waitForEvent(r *http.Request, c caller) (*reply, error) {
	q, err := parseEventQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	record, err := a.await(r, c, q.wait)
	if err != nil {
		return nil, err
	}
	return showEvent(record, q.fields)
}

// await returns the event once it is final, or as it is when the time is over. It listens
// before it reads, so that nothing happens in between. An event that may not be seen is
// waited for like one that is not there.
func (a *api) await(r *http.Request, c caller, longest time.Duration) (*store.Record, error) {
	ctx, id := r.Context(), r.PathValue("id")
	wait, ok := a.hub.wait(id, a.cfg.MaxWaits)
	if !ok {
		return nil, busy
	}
	defer a.hub.leave(wait)
	held := a.metrics.held.WithLabelValues("wait")
	held.Inc()
	defer held.Dec()
	over, beat := time.NewTimer(longest), time.NewTicker(waitBeat)
	defer over.Stop()
	defer beat.Stop()
	for last := false; ; {
		record, err := a.read(store.Fresh(ctx), id, c)
		switch {
		case err == nil && record.Status.Final(), last:
			return record, err
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
		select {
		case <-wait.woken:
		case <-beat.C:
		case <-over.C:
			last = true
		case <-a.closing.Done():
			last = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
