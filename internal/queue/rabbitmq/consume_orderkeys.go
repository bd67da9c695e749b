package rabbitmq

import "slices"

// orderKeys lets one item of each order key go at a time and queues the others in the order of
// their delivery. It is not safe for concurrent use.
type orderKeys[T comparable] struct {
	// queued has the one that goes first and then those that wait for it.
	queued map[string][]T
}

func newOrderKeys[T comparable]() orderKeys[T] { return orderKeys[T]{queued: map[string][]T{}} }

// enter reports whether v may go now; otherwise it waits for its turn.
func (o orderKeys[T]) enter(key string, v T) bool {
	o.queued[key] = append(o.queued[key], v)
	return len(o.queued[key]) == 1
}

// leave takes v out. If that frees the key, it returns the next in line.
func (o orderKeys[T]) leave(key string, v T) (next T, ok bool) {
	queued := o.queued[key]
	switch n := slices.Index(queued, v); {
	case n > 0:
		o.queued[key] = slices.Delete(queued, n, n+1)
	case n == 0 && len(queued) == 1:
		delete(o.queued, key)
	case n == 0:
		clear(queued[:1])
		o.queued[key] = queued[1:]
		return queued[1], true
	}
	return next, false
}
