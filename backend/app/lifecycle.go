package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

// restart is how long a part that failed waits before it runs again. One that ran for longer than
// the maximum starts over with the minimum.
var restart = retry.Backoff{Min: 500 * time.Millisecond, Max: 30 * time.Second}

var errNotInTime = errors.New("it did not stop in time")

// Start binds the listener, opens what the roles need, starts the roles, and then serves. Broker
// and database need not be up: the roles keep trying, and readiness reports it. What can't get
// better by itself, such as a taken port or a folder that can't be written, is an error
// that names the option to change; nothing is left running then. The app stops by Stop
// only, not by the end of ctx. It can be started once.
func (a *App) Start(ctx context.Context) error {
	for _, start := range []func(context.Context) error{
		a.bind, a.serveDebug,
		a.openRedis, a.openBus, a.openStore, a.openSessions, a.openReader, a.openQueue, a.openJobs, a.openAudit, a.openRefusals,
		a.startSweeper, a.startRetention, a.countDeadLetters, a.startRecord, a.openPauses, a.openPull, a.startDispatch, a.startCron, a.followBots, a.followShards,
		a.startSchedule, a.startJobs, a.startReconciler, a.openAPI, a.openConsole, a.reportProcess, a.serve, a.releaseRequests, a.drainPull,
	} {
		if err := start(ctx); err != nil {
			return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}
	a.log.Info("backend started", "config", a.settings)
	return nil
}

// Stop ends what Start started, in the reverse order.
// Each step is bounded by itself and all of them by ctx; one that fails does not keep
// the next from being stopped. It is safe to call twice.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	steps := a.steps
	a.steps = nil
	a.mu.Unlock()
	var errs []error
	for _, s := range slices.Backward(steps) {
		errs = append(errs, s.end(ctx))
	}
	return errors.Join(errs...)
}

// step is something that was started and how it is stopped.
type step struct {
	name string
	// bound is how long stopping may take.
	bound time.Duration
	stop  func(ctx context.Context) error
}

func (s step) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.bound)
	defer cancel()
	if err := s.stop(ctx); err != nil {
		return fmt.Errorf("stopping the %s: %w", s.name, err)
	}
	return nil
}

// onStop adds how to stop what was just started.
func (a *App) onStop(name string, bound time.Duration, stop func(context.Context) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.steps = append(a.steps, step{name, bound, stop})
}

// onClose is onStop for what is closed without a context, and so may not return in time.
func (a *App) onClose(name string, bound time.Duration, closeIt func() error) {
	a.onStop(name, bound, func(ctx context.Context) error {
		done := make(chan error, 1)
		go func() { done <- closeIt() }()
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return errNotInTime
		}
	})
}

// noError makes a function fit for onClose.
func noError(f func()) func() error { return func() error { f(); return nil } }

// supervised is a part of the app that runs in the background and is started again
// when it fails, for as long as the app runs.
type supervised struct {
	name   string
	log    *slog.Logger
	run    func(ctx context.Context) error
	cancel context.CancelFunc
	done   chan struct{}
	failed atomic.Pointer[error]
}

// supervise starts run and stops it with the app. It ends for good when run returns nil.
func (a *App) supervise(
	ctx context.Context, name string, bound time.Duration, run func(context.Context) error,
) *supervised {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &supervised{name: name, log: a.log, run: run, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.loop(ctx)
	}()
	a.onStop(name, bound, s.stop)
	return s
}

func (s *supervised) loop(ctx context.Context) {
	for failures := 1; ; failures++ {
		started := time.Now()
		err := s.run(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(started) > restart.Max {
			failures = 1
		}
		delay := restart.Delay(failures)
		s.failed.Store(&err)
		s.log.Error("part of the backend failed and starts again", "part", s.name, "error", err, "delay", delay)
		if !retry.Sleep(ctx, delay) {
			return
		}
		s.failed.Store(nil)
	}
}

// check is the health check: it fails from a failure until the part runs again.
func (s *supervised) check() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// stop ends the part and waits for it until ctx ends.
func (s *supervised) stop(ctx context.Context) error {
	s.cancel()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return errNotInTime
	}
}
