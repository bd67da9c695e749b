package listen

import (
	"context"

	"github.com/botgate/botgate/internal/event"
)

// handed is an event that was handed over.
type handed struct {
	event   *event.Event
	replays int
}

// keepLast has an event handed over again, when somebody wants that.
func (l *listener) keepLast(e *event.Event, replays int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = &handed{e, replays}
}

// repeat hands the last event over again with each value of Again, until ctx ends.
func (l *listener) repeat(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.Again:
		}
		l.mu.Lock()
		last := l.last
		l.mu.Unlock()
		if last == nil {
			l.print("there is no event yet to send again")
			continue
		}
		l.try(ctx, last.event, 1, last.replays)
	}
}
