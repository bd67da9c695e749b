// Package spool keeps accepting events while the broker is unavailable: what the broker does
// not confirm goes to a file, durably, and from there to the broker, in order, once it is back.
//
// The promise is that of [queue.Queue]: an event that Publish returned nil for is delivered,
// after those of its bot and order key that Publish returned nil for before. It holds for
// all that is published through one file, over crashes; two processes, each with a file of
// its own, do not know what the other one keeps.
package spool

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/filelock"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/sqlite"
	"github.com/botgate/botgate/internal/retry"
)

// closeTick is how often Close looks whether everything is drained.
const closeTick = 10 * time.Millisecond

// Spool is an open spool file and what drains it. Brokers come and go: see [Spool.Queue].
type Spool struct {
	cfg Config
	log *slog.Logger

	// The file. Before usable is set, only the goroutine that opens it may use them.
	lock     *filelock.Held // Keeps other processes out.
	store    *sqlite.SpoolFile
	drainers map[queue.Group]*drainer

	// ctx ends when the publishes under way have ended and the drainers should.
	ctx      context.Context
	stop     context.CancelFunc
	worker   sync.WaitGroup
	inflight sync.WaitGroup // Publishes.
	handling atomic.Int64   // What the drainers have in hand.

	mu       sync.Mutex
	usable   bool // The file is open, and no other process has it.
	closed   bool
	queues   []*Queue // In the order of their making; the last one's broker gets what is drained.
	index    index
	failure  error     // The last one of a publish; nil before the first.
	away     pace      // Of a broker that is unavailable; its window is 0 while it is not known to be.
	answered time.Time // When it last answered a drainer.
	lanes    map[lane]*pace
	progress chan struct{} // Closed when something was drained.
	outage   outage

	closing  sync.Once
	closeErr error
}

// Open opens the file, which it creates where there is none. What an earlier process left in
// it is drained as soon as there is a broker. Errors name the option to change.
//
// While another process has the file, as the old one has for a while when a binary is replaced,
// Open returns all the same and the spool waits for it: until then it spools nothing.
func Open(ctx context.Context, cfg Config) (*Spool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Spool{cfg: cfg, log: cfg.Logger, index: newIndex(), lanes: map[lane]*pace{}, progress: make(chan struct{})}
	// Its own lifetime, from here to Close.
	s.ctx, s.stop = context.WithCancel(context.Background())
	switch err := s.openFile(ctx); {
	case errors.Is(err, filelock.ErrHeld):
		s.log.Warn("another process has the spool: until it ends, what the broker does not take is refused; "+
			"processes that are to run side by side need a spool each", slog.String("option", cfg.Option),
			slog.String("file", cfg.Path))
		s.worker.Go(s.takeOver)
	case err != nil:
		return nil, errors.Join(err, s.Close()) //nolint:contextcheck // Closing has bounds of its own.
	default:
		s.worker.Go(s.drain)
	}
	live.Store(s, nil)
	return s, nil
}

// takeOver waits for the file of another process, and drains it from then on.
func (s *Spool) takeOver() {
	err := filelock.ErrHeld
	for errors.Is(err, filelock.ErrHeld) && s.ctx.Err() == nil {
		err = s.openFile(s.ctx)
	}
	file := slog.String("file", s.cfg.Path)
	switch {
	case err == nil:
		s.log.Info("the spool is this process's now", file)
		s.drain()
	case s.ctx.Err() == nil:
		s.log.Error("the spool can't be opened: what the broker does not take is refused", file, slog.Any("error", err))
	}
}

// Queue puts the spool before a broker, which stays its owner's, and drains to that one from
// now on, until the queue is closed.
func (s *Spool) Queue(broker queue.Queue, options Options) *Queue {
	q := &Queue{Queue: broker, spool: s, options: options.withDefaults()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues = append(s.queues, q)
	return q
}

// target is the broker that gets what is drained; nil while there is none.
func (s *Spool) target() queue.Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queues) == 0 {
		return nil
	}
	return s.queues[len(s.queues)-1].Queue
}

// remove forgets a queue that was closed.
func (s *Spool) remove(q *Queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues = slices.DeleteFunc(s.queues, func(other *Queue) bool { return other == q })
}

// Close waits for publishes under way, drains for as long as the broker takes something, and gives the
// file back. What stays in it is drained after the next Open. It is safe to call twice.
func (s *Spool) Close() error {
	s.closing.Do(func() { s.closeErr = s.close() })
	return s.closeErr
}

func (s *Spool) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.inflight.Wait()
	s.drainRest()
	s.stop()
	s.worker.Wait()
	live.Delete(s)
	if n := s.index.events; n > 0 {
		s.log.Warn("events stay in the spool: they are drained after the next start with the same file",
			slog.String("file", s.cfg.Path), slog.Int("events", n))
	}
	return s.closeFile()
}

// drainRest waits until nothing is in the file any more that the broker takes.
func (s *Spool) drainRest() {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Grace)
	defer cancel()
	for s.drains() && retry.Sleep(ctx, closeTick) {
	}
}

// drains reports whether something waits in the file for a queue that took the last it was offered.
func (s *Spool) drains() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.usable || len(s.queues) == 0 || s.away.window > 0 {
		return false
	}
	well := func(l lane) bool { return s.waiting(l) > 0 && (s.lanes[l] == nil || s.lanes[l].failures == 0) }
	for bot := range s.index.bots {
		if well(lane{queue.Dispatch, bot}) {
			return true
		}
	}
	return well(lane{group: queue.Record})
}
