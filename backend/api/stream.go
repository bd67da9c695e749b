package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/store"
)

const (
	// streamBeat is how often a stream shows that it is alive, and looks into the log for
	// what no notice told of.
	streamBeat = 15 * time.Second
	// streamLife is how long a stream lasts: the client comes again with its token, which
	// may have ended meanwhile.
	streamLife = 15 * time.Minute
	// settle is after which time nothing more appears in the log, with clocks that differ.
	settle = store.LogSettled + 5*time.Second
	// overlap is how far behind the last event that a client got it may have missed one: a
	// record process can end between its commit and its notice, and what it recorded is
	// found with the next beat.
	overlap = settle + streamBeat
)

var errSlowClient = errors.New("too much waits for the client")

// stream sends what is recorded to a client: what it hears of at once, and what is in the
// log after the client was away, or something was not heard of.
type stream struct {
	reader  Reader
	timeout time.Duration
	feed    *feed
	out     *eventWriter
	// floor is before what nothing is sent: what the client did not ask for.
	floor time.Time
	// sure is the time of recording before which everything was sent.
	sure time.Time
	sent recent
}

// streams answers GET /v1/events/stream.
func (a *api) streams(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		a.refuseStream(w, methodNotAllowed.with("Allow", http.MethodGet))
		return
	}
	filter, last, err := streamQuery(r)
	if err != nil {
		a.refuseStream(w, a.problem(r, err))
		return
	}
	feed := newFeed(filter)
	if !a.hub.follow(feed, a.cfg.MaxStreams) {
		a.refuseStream(w, busy)
		return
	}
	defer a.hub.drop(feed)
	held := a.metrics.held.WithLabelValues("stream")
	held.Inc()
	defer held.Dec()
	a.metrics.count("stream", http.StatusOK)
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	defer context.AfterFunc(a.closing, cancel)()
	s := &stream{reader: a.cfg.Reader, timeout: a.cfg.Timeout, feed: feed, out: newEventWriter(w), sent: recent{}}
	if err := s.run(ctx, last); err != nil {
		a.cfg.Logger.Debug("stream of events ended", "error", err)
	}
}

func (a *api) refuseStream(w http.ResponseWriter, p *problem) {
	a.metrics.count("stream", p.write(w))
}

// streamQuery reads what a stream is about, and the position behind which it goes on; nil
// for one that begins now.
func streamQuery(r *http.Request) (filter store.LogQuery, last *store.LogPosition, err error) {
	err = parameters(r.URL.RawQuery, func(name, value string) error {
		switch name {
		case "bot":
			return setFilter(&filter.Bot, value)
		case "user":
			return setFilter(&filter.Subject, value)
		case "type":
			return setFilter(&filter.Type, value)
		}
		return unknownParameter("bot, user and type")
	})
	if err != nil {
		return filter, nil, err
	}
	c, err := callerOf(r.Header)
	if err == nil {
		err = c.restrict(&filter.Bot)
	}
	if err != nil {
		return filter, nil, err
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		position, ok := store.ParseLogCursor(id)
		if !ok {
			return filter, nil, malformed.because("The header Last-Event-ID must be the id of an event of an earlier answer.")
		}
		last = &position
	}
	return filter, last, nil
}

// run sends until the client is gone or too slow, or ctx ends.
func (s *stream) run(ctx context.Context, last *store.LogPosition) error {
	now := time.Now()
	s.floor, s.sure = now, now.Add(-settle)
	if last == nil {
		last = &store.LogPosition{RecordedAt: now}
	} else {
		s.floor, s.sure = time.Time{}, last.RecordedAt.Add(-overlap)
		s.feed.lose() // Until now.
	}
	// With an id from the beginning a client misses nothing if it has to come again early.
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

// live sends what was heard of. A client for whom too much waits is sent away: it comes
// again, and gets from the log what it can take.
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

// beat shows that the stream is alive, and tells the client how far it has everything.
func (s *stream) beat(ctx context.Context) error {
	now := time.Now()
	if err := s.catchUp(ctx, nil); err != nil {
		return err
	}
	s.out.beat(s.id(store.LogPosition{RecordedAt: now}))
	return nil
}

// catchUp sends what is in the log and was not sent, and then what was heard of meanwhile.
// What was too much to be held while the log was read is in the log. A store that is away is
// asked again with the next beat; until then, what is heard of goes on.
func (s *stream) catchUp(ctx context.Context, heard []notify.Notice) error {
	for {
		if err := s.readLog(ctx); err != nil && s.out.err == nil && ctx.Err() == nil {
			return s.send(heard)
		}
		more, overflow, lost := s.feed.take()
		if err := s.send(append(heard, more...)); err != nil || ctx.Err() != nil || !overflow && !lost {
			return err
		}
		heard = nil
	}
}

// readLog sends what was recorded since everything is sure to have been sent.
func (s *stream) readLog(ctx context.Context) error {
	settled := time.Now().Add(-settle)
	q := s.feed.filter
	q.After, q.Limit = store.LogPosition{RecordedAt: s.sure}, store.MaxLogLimit
	for {
		entries, err := s.page(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.RecordedAt.Before(s.floor) {
				continue
			}
			if err := s.send([]notify.Notice{notify.Of(e)}); err != nil {
				return err
			}
		}
		if len(entries) < q.Limit {
			break
		}
		q.After = entries[len(entries)-1].Position()
		s.advance(earlier(q.After.RecordedAt, settled))
	}
	s.advance(settled)
	return nil
}

func (s *stream) page(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	ctx, cancel := context.WithTimeout(store.Fresh(ctx), s.timeout)
	defer cancel()
	entries, err := s.reader.Log(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading the log for a stream: %w", err)
	}
	return entries, nil
}

// advance notes that everything recorded before a time was sent.
func (s *stream) advance(sure time.Time) {
	if sure.After(s.sure) {
		s.sure = sure
		s.sent.forget(sure)
	}
}

// send sends notices, but those that this stream sent before.
func (s *stream) send(notices []notify.Notice) error {
	for i := range notices {
		n := &notices[i]
		position, ok := store.ParseLogCursor(n.Cursor)
		if !ok {
			s.feed.lose() // The log knows its place.
			continue
		}
		if !s.sent.add(n.Cursor, n.RecordedAt) {
			continue
		}
		if err := s.out.event(s.id(position), n); err != nil {
			return err
		}
	}
	return nil
}

// id is the position from which on a client that comes again misses nothing: that of the
// event, unless the log could not be looked into for long.
func (s *stream) id(p store.LogPosition) string {
	if limit := s.sure.Add(overlap); limit.Before(p.RecordedAt) {
		p = store.LogPosition{RecordedAt: limit}
	}
	return p.Cursor()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
