package rabbitmq

import "slices"

// lanes lets one of each key go at a time and keeps the others in the order in which
// they came. It is not safe for concurrent use.
type lanes[T comparable] struct {
	// queued has the one that goes first and then those that wait for it.
	queued map[string][]T
}

func newLanes[T comparable]() lanes[T] { return lanes[T]{queued: map[string][]T{}} }

// enter reports whether v may go now; otherwise it waits for its turn.
func (l lanes[T]) enter(key string, v T) bool {
	l.queued[key] = append(l.queued[key], v)
	return len(l.queued[key]) == 1
}

// leave takes v out. If that frees the key, it returns the next in line.
func (l lanes[T]) leave(key string, v T) (next T, ok bool) {
	queued := l.queued[key]
	switch n := slices.Index(queued, v); {
	case n > 0:
		l.queued[key] = slices.Delete(queued, n, n+1)
	case n == 0 && len(queued) == 1:
		delete(l.queued, key)
	case n == 0:
		clear(queued[:1])
		l.queued[key] = queued[1:]
		return queued[1], true
	}
	return next, false
}
