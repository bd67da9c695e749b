package rabbitmq

// lanes lets one of each key go at a time and keeps the others in the order in which
// they came. It is not safe for concurrent use.
type lanes[T any] struct {
	// waiting has an entry for each key that is taken.
	waiting map[string][]T
}

func newLanes[T any]() lanes[T] { return lanes[T]{waiting: map[string][]T{}} }

// enter reports whether v may go now; otherwise it waits for its turn.
func (l lanes[T]) enter(key string, v T) bool {
	queued, taken := l.waiting[key]
	if taken {
		l.waiting[key] = append(queued, v)
	} else {
		l.waiting[key] = nil
	}
	return !taken
}

// leave frees the key for the next in line, which it returns.
func (l lanes[T]) leave(key string) (next T, ok bool) {
	queued := l.waiting[key]
	if len(queued) == 0 {
		delete(l.waiting, key)
		return next, false
	}
	next, l.waiting[key] = queued[0], queued[1:]
	return next, true
}
