package rabbitmq

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/queue"
)

// firstWait bounds how long a caller waits for the very first connection. Later on, a
// broker that is away is said to be away at once.
const firstWait = 2 * time.Second

// link keeps one session with the broker up, for as long as run runs.
type link struct {
	name string
	open func(ctx context.Context) (*session, error)
	log  *slog.Logger

	mu      sync.Mutex
	current *session      // Nil while there is none.
	err     error         // Why there is none.
	tried   bool          // The first attempt has ended.
	changed chan struct{} // Closed at the next change.
}

func newLink(name string, log *slog.Logger, open func(context.Context) (*session, error)) *link {
	return &link{name: name, open: open, log: log.With("connection", name), changed: make(chan struct{})}
}

// run is the session loop: it connects, waits for the end, and connects again, for ever.
func (l *link) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		s, err := l.open(ctx)
		if err == nil {
			failures = 0
			l.set(s, nil)
			l.log.Info("connected to the queue")
			err = s.run(ctx)
		}
		l.set(nil, err)
		if ctx.Err() != nil {
			return
		}
		pause := backoff(failures)
		failures++
		l.log.Warn("no connection to the queue", "error", err, "retry_in", pause)
		sleep(ctx, pause)
	}
}

func (l *link) set(s *session, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.err, l.tried = s, err, true
	close(l.changed)
	l.changed = make(chan struct{})
}

// get returns the session or why there is none, whether that is the outcome of an
// attempt, and what is closed when it changes.
func (l *link) get() (s *session, tried bool, changed <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current, l.tried, l.changed, l.err
}

// session returns the session, or ErrUnavailable. It waits for the first one only.
func (l *link) session(ctx context.Context) (*session, error) {
	s, tried, changed, err := l.get()
	if s == nil && !tried {
		limit := time.NewTimer(firstWait)
		defer limit.Stop()
		select {
		case <-changed:
		case <-limit.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: not connected yet: %w", queue.ErrUnavailable, ctx.Err())
		}
		s, tried, _, err = l.get()
	}
	switch {
	case s != nil:
		return s, nil
	case !tried:
		return nil, fmt.Errorf("%w: not connected yet", queue.ErrUnavailable)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	return nil, queue.ErrUnavailable
}

// await waits for a session until the context ends.
func (l *link) await(ctx context.Context) (*session, error) {
	for {
		s, _, changed, _ := l.get()
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
