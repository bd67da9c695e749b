package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/pause"
)

const (
	// stopPauses bounds the wait for a look at the pauses.
	stopPauses = 3 * time.Second
	// warnOfPauses is how often the log says that nothing is delivered, since the pauses are not known.
	warnOfPauses = time.Minute
)

var errPausesUnknown = errors.New(config.EnvRedisURL + ": Redis did not say yet which bots are paused")

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
	a.supervise(ctx, "pauses", stopPauses, onceReady(ready, a.pauses.Run))
	return nil
}

// pausesKnown returns nil where events may be delivered: where Redis keeps the pauses, not before it said once which
// there are, since a bot that somebody paused must not get any. A database that is away keeps no event from its bot.
func (a *App) pausesKnown() error {
	if a.redis == nil || a.pauses.Known() {
		return nil
	}
	return errPausesUnknown
}

// awaitPauses is pausesKnown, and has the log say why nothing is delivered.
func (a *App) awaitPauses() func(context.Context) error {
	complain := rate.Sometimes{First: 1, Interval: warnOfPauses}
	return func(context.Context) error {
		err := a.pausesKnown()
		if err != nil {
			complain.Do(func() {
				a.log.Warn("nothing is delivered until Redis says which bots are paused; bring it back, or unset the option to deliver without",
					"option", config.EnvRedisURL)
			})
		}
		return err
	}
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
