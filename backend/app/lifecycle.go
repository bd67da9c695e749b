package app

import (
	"context"
	"errors"
	"slices"
)

// Start binds the listener, opens queue and store and starts the roles. Broker and
// database need not be up: the roles keep trying, and readiness tells. What can't get
// better by itself, such as a taken port or a folder that can't be written, is an error
// that names the option to change; nothing is left running then. The app stops by Stop
// only, not by the end of ctx. It can be started once.
func (a *App) Start(ctx context.Context) error {
	for _, start := range []func(context.Context) error{
		a.bind,
		a.openRedis, a.openBus, a.openStore, a.openSessions, a.openReader, a.openQueue, a.openLazyQueue, a.openJobs,
		a.startSweeper, a.startRetention, a.startRecord, a.startDispatch, a.startJobs,
		a.openAPI, a.serve, a.release,
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

// onStop adds how to stop what was just started.
func (a *App) onStop(s step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.steps = append(a.steps, s)
}
