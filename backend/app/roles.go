package app

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/record"
)

// How long a role may take to stop: its work under way, and giving back the rest.
// Dispatch takes less when no bot has a timeout that long.
const (
	giveBack        = 5 * time.Second
	stopRecord      = record.Grace + giveBack
	maxStopDispatch = dispatch.MaxDrain + dispatch.Grace + giveBack
)

// parts names what the roles of this process need to be well; readiness shows them.
func (a *App) parts() []string {
	var names []string
	if a.needsQueue() {
		names = append(names, "queue")
	}
	if a.needsStore() {
		names = append(names, "store")
	}
	for _, role := range []config.Role{config.Record, config.Dispatch, config.Jobs} {
		if a.settings.Has(role) {
			names = append(names, string(role))
		}
	}
	return names
}

func (a *App) startRecord(ctx context.Context) error {
	if !a.settings.Has(config.Record) {
		return nil
	}
	r, err := record.New(record.Config{
		Queue:      a.queue,
		Store:      a.store,
		Shards:     a.store.Names(),
		Shard:      a.store.ShardOf,
		Notify:     a.announce,
		Logger:     a.log.With("role", string(config.Record)),
		Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("role record: %w", err)
	}
	a.background(ctx, config.Record, stopRecord, r.Run, r.Healthy)
	return nil
}

func (a *App) startDispatch(ctx context.Context) error {
	if !a.settings.Has(config.Dispatch) {
		return nil
	}
	d, err := dispatch.New(dispatch.Config{
		Queue:      a.queue,
		Bots:       a.bots,
		Logger:     a.log.With("role", string(config.Dispatch)),
		Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("role dispatch: %w", err)
	}
	a.background(ctx, config.Dispatch, d.Drain()+dispatch.Grace+giveBack, d.Run, d.Healthy)
	return nil
}

// background runs a role until the app stops.
func (a *App) background(ctx context.Context, role config.Role, bound time.Duration, run func(context.Context) error, healthy func() error) {
	s := supervise(ctx, a.log, string(role), run)
	a.onStop(step{"role " + string(role), bound, s.stop})
	a.health.Add(string(role), func(ctx context.Context) error {
		if err := s.check(ctx); err != nil {
			return err
		}
		return healthy()
	})
}
