package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/schedule"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
)

// stopSchedule bounds the wait for the events that are being handed over.
const stopSchedule = 25 * time.Second

// startSchedule hands over what is due. It goes with the role jobs: one that runs is enough, and several share the work.
func (a *App) startSchedule(ctx context.Context) error {
	if !a.settings.Has(config.Jobs) {
		return nil
	}
	releaser, err := schedule.New(schedule.Config{
		Store: a.store, Queue: a.queue, Notify: a.publishNotices,
		Logger: a.log.With("role", string(config.Jobs)), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("role jobs: %w", err)
	}
	if err := metric.Register(a.registry, "the schedule", &counted{
		count: a.store.Count, status: event.StatusScheduled, desc: prometheus.NewDesc("botgate_scheduled_events",
			"Events that wait for the time for which they are scheduled; 10000 for that many and more.", nil, nil),
	}); err != nil {
		return err
	}
	a.scheduled = releaser.Healthy
	a.supervise(ctx, "schedule", stopSchedule, onceReady(a.store.Ready, releaser.Run))
	return nil
}

// canceller takes scheduled events back.
func (a *App) canceller() schedule.Canceller {
	return schedule.Canceller{Store: a.store, Publish: a.retrier.Publish, Notify: a.publishNotices}
}
