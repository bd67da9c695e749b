package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// How long a part that failed waits before it runs again: from the first value,
// doubling, to the last. One that ran for longer than that starts over with the first.
const (
	minRestart = 500 * time.Millisecond
	maxRestart = 30 * time.Second
)

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

// supervise starts run. It ends for good when run returns nil or the part is stopped.
func supervise(ctx context.Context, log *slog.Logger, name string, run func(context.Context) error) *supervised {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &supervised{name: name, log: log, run: run, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.loop(ctx)
	}()
	return s
}

func (s *supervised) loop(ctx context.Context) {
	delay := minRestart
	for {
		started := time.Now()
		err := s.run(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if time.Since(started) > maxRestart {
			delay = minRestart
		}
		s.failed.Store(&err)
		s.log.Error("part of the backend failed and starts again",
			"part", s.name, "error", err, "delay", delay)
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		delay = min(2*delay, maxRestart)
		s.failed.Store(nil)
	}
}

// check is the health check: it fails from a failure until the part runs again.
func (s *supervised) check(context.Context) error {
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

var errNotInTime = errors.New("it did not stop in time")

// within calls f, which takes no context, and waits for it until ctx ends.
func within(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return errNotInTime
	}
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
