package record

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// probeSize is how many events a probe has. The batch after it may have twice as many, and so on.
	probeSize = 10
	// maxBackoff is the longest pause between two probes.
	maxBackoff = 2 * time.Second
	// staleAfter is how long after its last failure an open breaker counts as open while nothing
	// arrives to probe it with. It is longer than a try and the pause before it.
	staleAfter = 2 * (appendTimeout + maxBackoff)
)

// backoff is random in its upper half, so that processes do not come back together.
var backoff = retry.Backoff{Min: 100 * time.Millisecond, Max: maxBackoff, Jitter: 0.5}

// breaker is the circuit breaker of one database. It opens when the database takes nothing;
// while open, one probe batch at a time is let through, with backoff.
//
// It is not the one of internal/breaker, which lets callers go on without the server: here they have
// nowhere to go and wait for the next probe, and the first batches afterwards are small.
type breaker struct {
	shard     string
	batchSize int
	metrics   *metrics
	log       *slog.Logger

	mu       sync.Mutex
	limit    int   // How many events the next batch may have.
	err      error // Why it is open; nil while it is closed.
	failures int   // In a row.
	failedAt time.Time
	retryAt  time.Time
	probing  bool
	writing  int           // How many batches are in flight.
	changed  chan struct{} // Closed at the next change.
}

func newBreaker(shard string, batchSize int, m *metrics, log *slog.Logger) *breaker {
	if shard != "" {
		log = log.With(slog.String("shard", shard))
	}
	return &breaker{shard: shard, batchSize: batchSize, limit: batchSize, metrics: m, log: log, changed: make(chan struct{})}
}

// failure returns why the breaker is open; nil if it is closed, or was not probed for long.
func (b *breaker) failure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writing == 0 && time.Since(b.failedAt) > staleAfter {
		return nil
	}
	return b.err
}

// enter reports whether a batch may be written now, of at most limit events. If so, leave or
// withdraw must follow.
func (b *breaker) enter() (limit int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		if b.probing || time.Now().Before(b.retryAt) {
			return 0, false
		}
		b.probing = true
	}
	b.writing++
	return b.limit, true
}

// leave takes the outcome of a batch: err is nil unless the database was unavailable.
func (b *breaker) leave(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	b.writing--
	was := b.err
	if b.err = err; err == nil {
		b.limit, b.failures = min(2*b.limit, b.batchSize), 0
	} else {
		b.failures++
		b.failedAt = time.Now()
		b.retryAt = b.failedAt.Add(backoff.Delay(b.failures))
		b.limit = min(probeSize, b.batchSize)
		b.metrics.retries.Inc()
	}
	close(b.changed)
	b.changed = make(chan struct{})
	switch {
	case was == nil && err != nil:
		b.log.Warn("events can't be recorded and stay in the queue", slog.Any("error", err))
	case was != nil && err == nil:
		b.log.Info("events are recorded again")
	}
}

// withdraw is leave for a batch that says nothing about the database.
func (b *breaker) withdraw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	b.writing--
}

// await waits until enter may succeed, or the context ends.
func (b *breaker) await(ctx context.Context) {
	b.mu.Lock()
	changed, pause := b.changed, time.Until(b.retryAt)
	if b.probing {
		pause = maxBackoff // Until the probe is back.
	}
	b.mu.Unlock()
	retry.Wait(ctx, changed, pause)
}
