package rabbitmq

import (
	"context"
	"sync/atomic"
)

// room bounds the bytes that are in flight. While there is enough of it nobody waits or takes a lock; who
// finds too little waits for it in the order of coming, so that what is large gets it, too.
type room struct {
	limit   int64
	used    atomic.Int64
	waiting atomic.Int32
	// turn is held by who has waited for longest. freed says that something was given back since that one
	// looked.
	turn, freed chan struct{}
}

func newRoom(limit int64) *room {
	return &room{limit: limit, turn: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

// acquire takes n of it, or returns the context's error.
func (r *room) acquire(ctx context.Context, n int64) error {
	if r.waiting.Load() == 0 && r.take(n) {
		return nil
	}
	// From here on release says when there is more.
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for !r.take(n) {
		select {
		case <-r.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// take takes n of it, if there is as much.
func (r *room) take(n int64) bool {
	for {
		used := r.used.Load()
		if used+n > r.limit {
			return false
		}
		if r.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// release gives n of it back.
func (r *room) release(n int64) {
	r.used.Add(-n)
	if r.waiting.Load() == 0 {
		return
	}
	select {
	case r.freed <- struct{}{}:
	default:
	}
}
