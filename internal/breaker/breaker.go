// Package breaker is a circuit breaker for calls of Redis. It bounds each call, opens after some
// failures in a row, and then lets probes through only, which it makes by itself when nobody calls;
// the log says when Redis stops and starts to answer.
package breaker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/background"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// tripAfter is how many calls in a row have to fail for the breaker to open.
	tripAfter = 5
	// ProbeEvery is how often an open breaker lets one call through as a probe.
	ProbeEvery = 500 * time.Millisecond
	// calmFor is how long Redis must answer in time before it counts as available again, so that
	// one that flaps does not fill the log.
	calmFor = 5 * time.Second
	// probeBudget bounds a probe of the breaker's own.
	probeBudget = time.Second
)

// ErrOpen is returned while the breaker is open, without a call of Redis.
var ErrOpen = errors.New("it failed several times in a row and is not asked for a moment")

// Config is what a breaker logs and counts.
type Config struct {
	// Logger gets when Redis stops to answer in time and when it has been answering again for
	// 5 seconds, once each. Required.
	Logger *slog.Logger
	// Effect is what the log says about the time in between, such as "rate limits are local".
	Effect string
	// Degraded counts the breakers whose Redis does not answer; nil for none.
	Degraded prometheus.Gauge
	// Probe asks Redis for what calls do, such as a write. Where nobody calls, it finds out that Redis
	// answers again. Nil leaves that to calls.
	Probe func(context.Context) error
}

// Breaker is the circuit breaker for all calls of one purpose to one Redis. It may be used
// concurrently.
type Breaker struct {
	config   Config
	started  time.Time
	failures atomic.Int32
	// probeAt is when a call may try again, lastFailed when the last one failed, both in
	// nanoseconds since started.
	probeAt, lastFailed atomic.Int64
	degraded            atomic.Bool

	mu     sync.Mutex // Guards closed, after which no probing begins.
	closed bool
	tasks  *background.Tasks
}

// New makes a breaker, which has to be closed.
func New(c Config) *Breaker {
	return &Breaker{config: c, started: time.Now(), tasks: background.New()}
}

// Call runs f within the budget, or returns [ErrOpen]. A call that its caller cancels counts
// neither as a success nor as a failure.
func (b *Breaker) Call(ctx context.Context, budget time.Duration, f func(context.Context) error) error {
	if !b.Admits() {
		return ErrOpen
	}
	bounded, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	err := f(bounded)
	b.Report(ctx, err)
	return err
}

// Admits reports whether a call may be made, whose outcome is for [Breaker.Report]: for callers who
// bound it themselves.
func (b *Breaker) Admits() bool {
	if b.failures.Load() < tripAfter {
		return true
	}
	at, now := b.probeAt.Load(), b.now()
	return now >= at && b.probeAt.CompareAndSwap(at, now+int64(ProbeEvery))
}

// Report says what became of a call of the caller whose context it is.
func (b *Breaker) Report(ctx context.Context, err error) {
	switch {
	case err == nil:
		b.succeeded()
	case errors.Is(ctx.Err(), context.Canceled):
	default:
		b.failed(err)
	}
}

// Close ends the probing and takes the breaker out of Degraded. Calls that are still under way may
// end, and no other may follow. It may be called again.
func (b *Breaker) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	_ = b.tasks.Close()
	b.turn(false)
}

// probe asks Redis until it is not degraded any more.
func (b *Breaker) probe(ctx context.Context) {
	for b.degraded.Load() && retry.Sleep(ctx, ProbeEvery) {
		// What comes of it is counted like what comes of all calls.
		_ = b.Call(ctx, probeBudget, b.config.Probe)
	}
}

func (b *Breaker) startProbing() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.config.Probe != nil && !b.closed {
		b.tasks.Go(b.probe)
	}
}

func (b *Breaker) now() int64 { return int64(time.Since(b.started)) }

func (b *Breaker) succeeded() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
	if b.degraded.Load() && b.now()-b.lastFailed.Load() >= int64(calmFor) && b.turn(false) {
		b.config.Logger.Info("redis answers again", slog.String("ended", b.config.Effect))
	}
}

func (b *Breaker) failed(err error) {
	b.lastFailed.Store(b.now())
	if b.failures.Add(1) == tripAfter {
		b.probeAt.Store(b.now() + int64(ProbeEvery))
	}
	if b.turn(true) {
		b.startProbing()
		b.config.Logger.Warn("redis does not answer in time", slog.String("effect", b.config.Effect), slog.Any("error", err))
	}
}

// turn sets whether Redis is degraded and reports whether that changed.
func (b *Breaker) turn(degraded bool) bool {
	if !b.degraded.CompareAndSwap(!degraded, degraded) {
		return false
	}
	if b.config.Degraded != nil && degraded {
		b.config.Degraded.Inc()
	} else if b.config.Degraded != nil {
		b.config.Degraded.Dec()
	}
	return true
}
