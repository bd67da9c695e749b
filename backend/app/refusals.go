package app

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/refusal"
)

// stopRefusals bounds the wait for a sweep of the refusals, which is three statements.
const stopRefusals = time.Second

// openRefusals opens what gateways refused, for the role record, which also removes what is too old, and the role api.
func (a *App) openRefusals(ctx context.Context) error {
	if !a.settings.Has(config.Record) && !a.settings.Has(config.API) {
		return nil
	}
	a.refusals = refusal.New(a.firstDatabase(), a.log)
	if err := a.migrate(ctx, "schema of the refusals", a.refusals); err != nil {
		return fmt.Errorf("refusals: %w", err)
	}
	if a.settings.Has(config.Record) {
		a.supervise(ctx, "refusals", stopRefusals, onceReady(a.refusals.Ready, hourly(a.refusals.Sweep)))
	}
	return nil
}
