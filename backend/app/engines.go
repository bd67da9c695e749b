package app

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/queue/claimcheck"
)

// How long closing an engine may take. A queue waits for the publishes under way.
const (
	closeQueue = 10 * time.Second
	closeStore = 5 * time.Second
)

// needsQueue and needsStore say what the roles of this process work with.
func (a *App) needsQueue() bool {
	return a.settings.Has(config.Record) || a.settings.Has(config.Dispatch) || a.settings.Has(config.Jobs)
}

func (a *App) needsStore() bool {
	return a.settings.Has(config.Record) || a.settings.Has(config.API) || a.settings.Has(config.Jobs)
}

// openQueue opens the queue unless it was given, which is then its owner's to close.
func (a *App) openQueue(ctx context.Context) error {
	if !a.needsQueue() {
		return nil
	}
	if a.queue == nil {
		q, err := OpenQueue(ctx, a.settings, a.log)
		if err != nil {
			return err
		}
		a.queue = q
		a.onStop(step{"queue", closeQueue, func(ctx context.Context) error { return within(ctx, q.Close) }})
		for _, c := range claimcheck.Collectors() {
			if err := a.registry.Register(c); err != nil {
				return fmt.Errorf("registering a metric of the blob store: %w", err)
			}
		}
	}
	a.health.Add("queue", a.queue.Ready)
	if err := a.registry.Register(newDepths(a.queue)); err != nil {
		return fmt.Errorf("registering the depths of the queue: %w", err)
	}
	return nil
}
