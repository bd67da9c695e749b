package api

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// watchEvery is how often a watch looks: changes that follow each other faster are one.
	watchEvery = time.Second
	// watchBack is how far back it looks: clocks differ, and what is written becomes visible late.
	watchBack = 5 * time.Minute
	// maxWatched bounds what it looks at.
	maxWatched = 1000
)

// watch looks in the database for what changed lately, once for all streams about it: processes need nothing else to
// hear of each other's changes.
type watch[T any] struct {
	// event is what changes are called in a stream.
	event string
	// read returns what changed since then, at most maxWatched.
	read func(ctx context.Context, since time.Time) ([]T, error)
	// key tells things apart, and same is whether one is as it was.
	key  func(T) any
	same func(now, before T) bool
	// view is how a change is shown; before is zero for what is new.
	view func(now, before T) any
	// timeout bounds a look.
	timeout time.Duration

	mu    sync.Mutex
	at    time.Time
	found []T
	err   error
}

// look returns what was found a moment ago, or looks.
func (w *watch[T]) look(ctx context.Context) ([]T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.at) < watchEvery {
		return w.found, w.err
	}
	// It is for others, too, who stay when this client leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.timeout)
	defer cancel()
	w.found, w.err = w.read(ctx, time.Now().Add(-watchBack))
	w.at = time.Now()
	return w.found, w.err
}

// watching is a stream of what a watch finds.
type watching[T any] struct {
	watch  *watch[T]
	wanted func(T) bool
	out    *eventWriter
	// seen is what was found last, by its key.
	seen map[any]T
}

// run sends what changes, until the client disconnects or ctx ends. What is there already is not sent: whoever connects
// reads it after that.
func (s *watching[T]) run(ctx context.Context, found []T) error {
	s.seen = s.byKey(found)
	s.out.begin("")
	looks, beats := time.NewTicker(watchEvery), time.NewTicker(streamBeat)
	defer looks.Stop()
	defer beats.Stop()
	for {
		if err := s.out.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-beats.C:
			s.out.beat("")
		case <-looks.C:
			found, err := s.watch.look(ctx)
			if err != nil {
				continue // The next look may find it.
			}
			if err := s.send(found); err != nil {
				return err
			}
		}
	}
}

// send sends what changed since the last look, the oldest change first.
func (s *watching[T]) send(found []T) error {
	for _, now := range slices.Backward(found) {
		before, known := s.seen[s.watch.key(now)]
		if !s.wanted(now) || known && s.watch.same(now, before) {
			continue
		}
		if err := s.out.event("", s.watch.event, s.watch.view(now, before)); err != nil {
			return err
		}
	}
	s.seen = s.byKey(found)
	return nil
}

func (s *watching[T]) byKey(found []T) map[any]T {
	seen := make(map[any]T, len(found))
	for _, one := range found {
		seen[s.watch.key(one)] = one
	}
	return seen
}
