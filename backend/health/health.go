// Package health answers whether the process is alive and able to do its work: a
// registry of named checks behind /healthz and /readyz.
package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// defaultTimeout bounds a check when [Config] does not.
const defaultTimeout = 2 * time.Second

// Check returns nil when what it checks is healthy. It must end soon after ctx does.
type Check func(ctx context.Context) error

// Config adjusts a Registry.
type Config struct {
	// Timeout bounds each check; one that takes longer counts as failed. Default 2s.
	Timeout time.Duration
	// Logger gets when a check starts to fail, with the error, and when it passes
	// again. Default: discard.
	Logger *slog.Logger
}

// Registry holds the checks. Its methods may be called concurrently.
type Registry struct {
	timeout time.Duration
	log     *slog.Logger
	flights singleflight.Group

	mu     sync.Mutex
	checks map[string]Check
	failed map[string]bool
}

// New returns a Registry without checks, which is ready.
func New(cfg Config) *Registry {
	return &Registry{
		timeout: cmp.Or(cfg.Timeout, defaultTimeout),
		log:     cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		checks:  map[string]Check{},
		failed:  map[string]bool{},
	}
}

// Add adds a check under a name that the answer of /readyz shows to anyone. An earlier
// check of the name is replaced.
func (r *Registry) Add(name string, check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks[name] = check
}

// Ready runs all checks at once and returns nil when they all pass, else their errors.
// These are for the operator: they can name addresses.
func (r *Registry) Ready(ctx context.Context) error {
	var errs []error
	results := r.run(ctx)
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if err := results[name]; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// run returns what each check says, nil for those that pass.
func (r *Registry) run(ctx context.Context) map[string]error {
	r.mu.Lock()
	pending := make(map[string]<-chan singleflight.Result, len(r.checks))
	for name, check := range r.checks {
		pending[name] = r.start(ctx, name, check)
	}
	r.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
	defer cancel()
	results := make(map[string]error, len(pending))
	for name, result := range pending {
		results[name] = await(ctx, result)
	}
	return results
}

// await returns the result of a check; one that has none when ctx ends failed.
func await(ctx context.Context, result <-chan singleflight.Result) error {
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
	}
	select {
	case r := <-result: // Another check was waited for until now.
		return r.Err
	default:
		return ctx.Err()
	}
}

// start runs a check, or joins it when it runs already: however many ask for the
// readiness, each check is under way at most once. So it must not end with the caller
// who happened to be the first.
func (r *Registry) start(ctx context.Context, name string, check Check) <-chan singleflight.Result {
	return r.flights.DoChan(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
		defer cancel()
		err := check(ctx)
		r.note(name, err)
		return nil, err
	})
}

// note logs changes only: a probe comes every few seconds.
func (r *Registry) note(name string, err error) {
	r.mu.Lock()
	changed := r.failed[name] != (err != nil)
	r.failed[name] = err != nil
	r.mu.Unlock()
	switch {
	case changed && err != nil:
		r.log.Warn("health check fails", "check", name, "error", err)
	case changed:
		r.log.Info("health check passes again", "check", name)
	}
}
