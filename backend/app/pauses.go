package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/pause"
)

// stopPauses bounds the wait for a look at the pauses.
const stopPauses = 3 * time.Second

// openPauses opens the pauses of bots, for the roles dispatch, which goes by them, and api, which sets them: in Redis,
// which both know, or in the database, where one process has both roles.
func (a *App) openPauses(ctx context.Context) error {
	dispatches := a.settings.Has(config.Dispatch)
	if !dispatches && !a.settings.Has(config.API) {
		return nil
	}
	ready := func(context.Context) error { return nil }
	var kept pause.Store
	switch {
	case a.redis != nil:
		kept = pause.Redis{Client: a.redis}
	case dispatches && a.needsStore():
		table := pause.NewSQL(a.firstDatabase(), a.log)
		if err := a.migrate(ctx, "schema of the pauses", table); err != nil {
			return fmt.Errorf("pauses: %w", err)
		}
		kept, ready = table, table.Ready
	default:
		return nil
	}
	var changed func(map[string]pause.State)
	if dispatches {
		changed = a.applyPauses
	}
	a.pauses = pause.New(kept, changed, a.log.With(slog.String("part", "pauses")))
	_ = a.pauses.Refresh(ctx) // Run says why it fails.
	a.supervise(ctx, "pauses", stopPauses, onceMigrated(ready, a.pauses.Run))
	return nil
}

func (a *App) applyPauses(states map[string]pause.State) {
	if err := a.bots.pause(states); err != nil {
		a.log.Error("dispatch can't follow the pauses; it has to be started again", "error", err)
	}
}

// apiPauses are the pauses for the API; nil for none.
func (a *App) apiPauses() api.Pauses {
	if a.pauses == nil {
		return nil
	}
	return a.pauses
}
