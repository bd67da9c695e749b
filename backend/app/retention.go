package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store"
)

const (
	// retainEvery is the time from the end of one look at the log's days to the next.
	retainEvery = time.Hour
	// stopRetention bounds the wait for one, which ends between two steps.
	stopRetention = 5 * time.Second
)

// retainer drops old days of the log, and makes days to come ready.
type retainer interface {
	Retain(ctx context.Context, before time.Time) (store.Retained, error)
}

// startRetention goes with the role record: one that runs is enough, several do no harm.
func (a *App) startRetention(ctx context.Context) error {
	if !a.settings.Has(config.Record) {
		return nil
	}
	s := supervise(ctx, a.log, "retention", func(ctx context.Context) error {
		return retain(ctx, a.store, a.settings.Data.Retention, a.log)
	})
	a.onStop(step{"retention", stopRetention, s.stop})
	return nil
}

// retain looks after the days until ctx ends.
func retain(ctx context.Context, days retainer, keep time.Duration, log *slog.Logger) error {
	for {
		var before time.Time
		if keep > 0 {
			before = time.Now().Add(-keep)
		}
		dropped, err := days.Retain(ctx, before)
		if err != nil {
			return err
		}
		for _, day := range dropped.Days {
			log.Info("dropped a day of the log", slog.String("day", day.Format(time.DateOnly)))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retainEvery):
		}
	}
}
