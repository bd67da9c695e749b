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
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// defaultTimeout bounds a check when [Config] does not.
const defaultTimeout = 2 * time.Second

// Check returns nil when what it checks is healthy. It must end soon after ctx does.
type Check func(ctx context.Context) error

// Degraded is the error of a check whose part does its work for some: taking the process out of use
// would help nobody. /readyz answers 200 and says so.
type Degraded struct {
	// Detail is what /readyz shows to anyone, such as the name of a shard.
	Detail string
	// Err is for the operator: it can name addresses. Required.
	Err error
}

// Error is what the operator reads.
func (d Degraded) Error() string { return d.Err.Error() }

// Unwrap returns Err.
func (d Degraded) Unwrap() error { return d.Err }

// What the answer of /readyz says of a check.
const (
	statusOK          = "ok"
	statusDegraded    = "degraded"
	statusUnavailable = "unavailable"
)

// judge returns what an error of a check means, and its detail.
func judge(err error) (status, detail string) {
	var d Degraded
	switch {
	case err == nil:
		return statusOK, ""
	case errors.As(err, &d):
		return statusDegraded, d.Detail
	}
	return statusUnavailable, ""
}

// Config adjusts a Registry.
type Config struct {
	// Timeout bounds each check; one that takes longer counts as failed. Default 2s.
	Timeout time.Duration
	// Logger gets when a check starts to fail or to be degraded, with the error, and when it
	// passes again. Default: discard.
	Logger *slog.Logger
}

// Registry holds the checks. Its methods may be called concurrently.
type Registry struct {
	timeout time.Duration
	log     *slog.Logger
	flights singleflight.Group

	stopping atomic.Bool

	mu     sync.Mutex
	checks map[string]Check
	noted  map[string]string // The status that each check had last.
}

// New returns a Registry without checks, which is ready.
func New(cfg Config) *Registry {
	return &Registry{
		timeout: cmp.Or(cfg.Timeout, defaultTimeout),
		log:     cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		checks:  map[string]Check{},
		noted:   map[string]string{},
	}
}

// Add adds a check under a name that the answer of /readyz shows to anyone. An earlier
// check of the name is replaced.
func (r *Registry) Add(name string, check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks[name] = check
}

// Stop has the process be not ready from now on, while it still answers: those who send it requests
// are to notice before it stops.
func (r *Registry) Stop() { r.stopping.Store(true) }

// Ready runs all checks at once and returns nil when they all pass or are [Degraded], else the
// errors of the others. These are for the operator: they can name addresses.
func (r *Registry) Ready(ctx context.Context) error {
	var errs []error
	results := r.run(ctx)
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if status, _ := judge(results[name]); status == statusUnavailable {
			errs = append(errs, fmt.Errorf("%s: %w", name, results[name]))
		}
	}
	return errors.Join(errs...)
}

// Report is what the checks say together.
type Report struct {
	// Status is "ready", "degraded", "not ready" or "stopping".
	Status string
	// Checks has "ok", "degraded" or "unavailable" by check, and Details what is known of those that are degraded.
	Checks, Details map[string]string
}

// Report runs all checks at once. Nothing in it is secret.
func (r *Registry) Report(ctx context.Context) Report {
	if r.stopping.Load() {
		return Report{Status: "stopping"}
	}
	rep := Report{Status: "ready", Checks: map[string]string{}, Details: map[string]string{}}
	for name, err := range r.run(ctx) {
		status, detail := judge(err)
		rep.Checks[name] = status
		switch status {
		case statusUnavailable:
			rep.Status = "not ready"
		case statusDegraded:
			rep.Details[name] = detail
			if rep.Status == "ready" {
				rep.Status = statusDegraded
			}
		}
	}
	return rep
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
	status, _ := judge(err)
	r.mu.Lock()
	changed := cmp.Or(r.noted[name], statusOK) != status
	r.noted[name] = status
	r.mu.Unlock()
	switch {
	case !changed:
	case status == statusOK:
		r.log.Info("health check passes again", "check", name)
	case status == statusDegraded:
		r.log.Warn("health check is degraded", "check", name, "error", err)
	default:
		r.log.Warn("health check fails", "check", name, "error", err)
	}
}
