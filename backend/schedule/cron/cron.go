// Package cron publishes events by the schedules of the bots file: cron expressions. Each is published as one that is
// scheduled for the very instant, and package schedule hands it over.
//
// Any number of processes may do so at once, without a lock: whoever publishes an event of a schedule and an instant, it has
// the same id and time, and the log takes one. docs/decisions/0037-cron-by-marks.md says why.
package cron

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/backend/health"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// every is the pause between two looks at what is due.
	every = time.Second
	// passTimeout bounds a look, and botTimeout what one bot takes of it.
	passTimeout = 20 * time.Second
	botTimeout  = 10 * time.Second
	// atOnce is how many bots are looked after at once.
	atOnce = 8
	// renewAfter is how old a mark gets before it is set anew, without an event; and forgetAfter before it is removed, since
	// nobody has its schedule any more.
	renewAfter  = time.Minute
	forgetAfter = 10 * time.Minute
)

// Config is what a Scheduler is made of.
type Config struct {
	// Marks say up to when schedules have fired. Required.
	Marks *Marks
	// Publish returns once the events are durable. Required.
	Publish func(ctx context.Context, events ...*event.Event) error
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Scheduler publishes what is due. Make one with [New].
type Scheduler struct {
	cfg     Config
	metrics *metrics
	work    health.Work

	mu   sync.Mutex
	bots map[string][]*entry

	// well is since when all went well; zero while it does not. forgot is when marks were removed last.
	well, forgot time.Time
}

// New returns a Scheduler without schedules. It fails when the metrics are registered already.
func New(cfg Config) (*Scheduler, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Scheduler{cfg: cfg, metrics: m}, nil
}

// Set changes the schedules.
func (s *Scheduler) Set(set bots.TimedSet) error {
	all := make(map[string][]*entry, len(set))
	for bot, timed := range set {
		for _, of := range timed.Schedules {
			e, err := newEntry(bot, of)
			if err != nil {
				return err
			}
			all[bot] = append(all[bot], e)
		}
	}
	s.metrics.schedules.Set(float64(set.Count()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bots = all
	return nil
}

// Healthy returns nil while what is due is published.
func (s *Scheduler) Healthy() error { return s.work.Healthy() }

// Run publishes what is due until ctx ends. What is unavailable is tried again.
func (s *Scheduler) Run(ctx context.Context) error {
	defer s.work.End()
	for {
		err := s.pass(ctx)
		if ctx.Err() == nil {
			s.note(err)
		}
		if !retry.Sleep(ctx, every) {
			return nil
		}
	}
}

// note logs the first of many failures, and their end.
func (s *Scheduler) note(err error) {
	switch fails, recovers := s.work.Note(err); {
	case fails:
		s.cfg.Logger.Warn("schedules of the bots file can't fire; that is tried again", "error", err)
	case recovers:
		s.cfg.Logger.Info("schedules of the bots file fire again")
	}
}

// pass looks after all bots once. One that fails does not keep the others from it.
func (s *Scheduler) pass(ctx context.Context) error {
	s.mu.Lock()
	all := s.bots
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for bot, entries := range all { // In a random order, so that nobody is the last each time.
		group.Go(func() error {
			if err := s.serve(ctx, bot, entries); err != nil {
				return fmt.Errorf("bot %s: %w", bot, err)
			}
			return nil
		})
	}
	err := group.Wait()
	if err == nil && all != nil { // Who has no bots file knows nothing.
		err = s.forget(ctx)
	}
	if err != nil {
		s.well = time.Time{}
	}
	return err
}

// forget removes marks that nobody sets any more, so that a schedule that comes again later begins anew. This process has
// to have looked for as long, since all others that had the schedule may have been gone. Those of a clock that was far
// ahead go, too: nothing would fire until then.
func (s *Scheduler) forget(ctx context.Context) error {
	now := s.cfg.Now()
	if s.well.IsZero() {
		s.well = now
	}
	if now.Sub(s.well) < forgetAfter || now.Sub(s.forgot) < renewAfter {
		return nil
	}
	s.forgot = now
	return s.cfg.Marks.Forget(ctx, now.Add(-forgetAfter), now.Add(forgetAfter))
}
