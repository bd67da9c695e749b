package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
)

const (
	// streamBeat is how often a stream sends a heartbeat, and reads from the log what no notice reported.
	streamBeat = 15 * time.Second
	// streamLife is how long a stream lasts: the client reconnects with its token, which may have expired meanwhile.
	streamLife = 15 * time.Minute
	// settle is how long after its time of recording an entry may still appear in the log, with clocks that differ.
	settle = store.LogSettled + 5*time.Second
	// overlap is how far behind the last event that a client got it may have missed one: a record process can crash
	// between its commit and its notice, and what it recorded is found with the next heartbeat.
	overlap = settle + streamBeat
)

var errSlowClient = errors.New("too many events are pending for the client")

// stream sends what is recorded to a client: notices at once, and the log after the client reconnected or a notice was
// lost.
type stream struct {
	reader  Reader
	timeout time.Duration
	feed    *feed
	out     *eventWriter
	// floor is the time of recording before which nothing is sent: the client did not ask for it.
	floor time.Time
	// sure is the time of recording before which everything was sent.
	sure time.Time
	sent sent
}

// streamEvents answers GET /v1/events/stream.
func (a *API) streamEvents(w *response, r *http.Request, c caller) error {
	filter, last, err := streamQuery(r, c)
	if err != nil {
		return err
	}
	return a.holdStream(w, r, func(ctx context.Context) error {
		feed := newFeed(filter)
		a.hub.follow(feed)
		defer a.hub.drop(feed)
		s := &stream{reader: a.cfg.Reader, timeout: a.cfg.Timeout, feed: feed, out: newEventWriter(w), sent: sent{}}
		return s.run(ctx, last)
	})
}

// holdStream runs a stream in a place among all of them, until its life is over, or its client or the API is gone. What
// run returns before it began is the answer.
func (a *API) holdStream(w *response, r *http.Request, run func(ctx context.Context) error) error {
	if r.Method == http.MethodHead {
		return problem.MethodNotAllowed(http.MethodGet)
	}
	select {
	case a.streams <- struct{}{}:
		defer func() { <-a.streams }()
	default:
		return busy
	}
	defer a.metrics.hold(w.route)()
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)() //nolint:contextcheck // ends with the API, too
	err := run(ctx)
	if err == nil || !w.begun {
		return err
	}
	a.cfg.Logger.DebugContext(r.Context(), "stream ended", "error", err)
	return nil
}

// streamQuery reads what a stream is about, and the position in the log behind which it continues; nil for one that
// begins now.
func streamQuery(r *http.Request, c caller) (filter streamFilter, last *store.LogPosition, err error) {
	err = parameters{
		"bot": text(&filter.Bot), "user": name(&filter.Subject), "type": text(&filter.Type), "id": text(&filter.id),
		"status": someOf(&filter.statuses, append(event.Statuses(), event.Asides()...)...),
	}.read(r)
	if err == nil {
		err = c.restrict(&filter.Bot)
	}
	if err != nil {
		return filter, nil, err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		position, ok := store.ParseLogCursor(id)
		if !ok {
			return filter, nil, problem.Malformed.WithDetail("The header Last-Event-ID must be the id of an event of an earlier answer.")
		}
		last = &position
	}
	return filter, last, nil
}

// run sends until the client disconnects or is too slow, or ctx ends.
func (s *stream) run(ctx context.Context, last *store.LogPosition) error {
	now := time.Now()
	s.floor, s.sure = now, now.Add(-settle)
	if last == nil {
		last = &store.LogPosition{RecordedAt: now}
	} else {
		s.floor, s.sure = time.Time{}, last.RecordedAt.Add(-overlap)
		s.feed.lose() // Until now.
	}
	// With an id from the beginning a client misses nothing if it has to reconnect early.
	s.out.begin(s.id(*last))
	if err := s.out.flush(); err != nil {
		return err
	}
	tick := time.NewTicker(streamBeat)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			err = s.beat(ctx)
		case <-s.feed.ready:
			err = s.live(ctx)
		}
		if err == nil {
			err = s.out.flush()
		}
		if err != nil {
			return err
		}
	}
}

// live sends new notices. A client for whom too many are pending is disconnected: it reconnects, and gets from the log
// what it can take.
func (s *stream) live(ctx context.Context) error {
	notices, overflow, lost := s.feed.take()
	switch {
	case overflow:
		return errSlowClient
	case lost:
		return s.catchUp(ctx, notices)
	}
	return s.send(notices)
}

// beat sends a heartbeat, with the position up to which the client has everything.
func (s *stream) beat(ctx context.Context) error {
	now := time.Now()
	if err := s.catchUp(ctx, nil); err != nil {
		return err
	}
	s.out.beat(s.id(store.LogPosition{RecordedAt: now}))
	return nil
}
