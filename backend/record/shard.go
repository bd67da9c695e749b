package record

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// probeSize is how many events are written at first, after the store did not take some. It
// doubles with each success.
const probeSize = 10

// staleAfter is how long a shard counts as away that nobody has anything for. It is longer
// than a try and the pause before it.
const staleAfter = 2 * (appendTimeout + maxBackoff)

// shard is one database as record sees it: well, or away since it last took nothing. While it
// is away one batch at a time may find out whether it is back, after a pause that grows.
type shard struct {
	name      string
	batchSize int
	metrics   *metrics
	log       *slog.Logger

	mu       sync.Mutex
	limit    int   // How many events the next batch may have.
	err      error // Why it is away.
	failures int
	failedAt time.Time
	retryAt  time.Time
	probing  bool
	writing  int           // How many batches are under way.
	changed  chan struct{} // Closed at the next change.
}

func newShard(name string, batchSize int, m *metrics, log *slog.Logger) *shard {
	if name != "" {
		log = log.With(slog.String("shard", name))
	}
	return &shard{name: name, batchSize: batchSize, limit: batchSize, metrics: m, log: log, changed: make(chan struct{})}
}

// away returns why the shard takes nothing at present, nil if it is well or nobody knows.
func (s *shard) away() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing == 0 && time.Since(s.failedAt) > staleAfter {
		return nil
	}
	return s.err
}

// enter asks for leave to write, for so many events at most. Whoever gets it calls leave.
func (s *shard) enter() (limit int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		if s.probing || time.Now().Before(s.retryAt) {
			return 0, false
		}
		s.probing = true
	}
	s.writing++
	return s.limit, true
}

// leave says what came of a batch: err is nil unless the store was unavailable.
func (s *shard) leave(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
	s.writing--
	was := s.err
	if s.err = err; err == nil {
		s.limit, s.failures = min(2*s.limit, s.batchSize), 0
	} else {
		s.failedAt = time.Now()
		s.retryAt = s.failedAt.Add(backoff(s.failures))
		s.limit = min(probeSize, s.batchSize)
		s.failures++
		s.metrics.retries.Inc()
	}
	close(s.changed)
	s.changed = make(chan struct{})
	switch {
	case was == nil && err != nil:
		s.log.Warn("events can't be recorded at present and stay in the queue", slog.Any("error", err))
	case was != nil && err == nil:
		s.log.Info("events are recorded again")
	}
}

// withdraw is leave for a batch of which nothing is known.
func (s *shard) withdraw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
	s.writing--
}

// await waits until it is worth to ask for leave again, or the context ends.
func (s *shard) await(ctx context.Context) {
	s.mu.Lock()
	changed, pause := s.changed, time.Until(s.retryAt)
	if s.probing {
		pause = maxBackoff // Until the probe is back.
	}
	s.mu.Unlock()
	wait(ctx, changed, pause)
}

// wait ends after the pause, with the channel, or with the context.
func wait(ctx context.Context, done <-chan struct{}, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	case <-ctx.Done():
	}
}
