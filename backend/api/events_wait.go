package api

import (
	"context"
	"errors"
	"time"

	"github.com/botgate/botgate/backend/store"
)

const (
	// maxWait is the longest value of the parameter wait.
	maxWait = 30 * time.Second
	// waitPoll is how often a request that waits reads the event without a notice: the process that recorded something
	// may have crashed between its commit and its notice.
	waitPoll = 3 * time.Second
	// writeMargin is how long an answer may take on its way to the client.
	writeMargin = 10 * time.Second
)

// awaitEvent returns the event once it is final, or as it is when the time is over. It subscribes before it reads, so
// that no change is missed. An event that the caller may not see is waited for like one that does not exist.
func (a *API) awaitEvent(ctx context.Context, w *response, id string, c caller, longest time.Duration) (*store.Record, error) {
	w.route = "wait"
	w.extend(maxWait + 2*a.cfg.Timeout + writeMargin) // The server's timeouts are shorter.
	wait, ok := a.hub.wait(id, a.cfg.MaxWaits)
	if !ok {
		return nil, busy
	}
	defer a.hub.leave(wait)
	defer a.metrics.hold(w.route)()
	over, poll := time.NewTimer(longest), time.NewTicker(waitPoll)
	defer over.Stop()
	defer poll.Stop()
	for last := false; ; {
		record, err := a.readEvent(store.Fresh(ctx), id, c)
		switch {
		case err == nil && record.Status.Final(), last:
			return record, err
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
		select {
		case <-wait.woken:
		case <-poll.C:
		case <-over.C:
			last = true
		case <-a.closing.Done():
			last = true
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
