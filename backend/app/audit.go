package app

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/config"
)

// stopAudit bounds the wait for a sweep of the audit, which is one statement.
const stopAudit = time.Second

// openAudit opens the audit, for the role api, which also removes what is too old.
func (a *App) openAudit(ctx context.Context) error {
	if !a.settings.Has(config.API) {
		return nil
	}
	a.audit = audit.New(a.firstDatabase(), a.log)
	if err := a.migrate(ctx, "schema of the audit", a.audit); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	a.supervise(ctx, "audit", stopAudit, onceReady(a.audit.Ready, hourly(a.audit.Sweep)))
	return nil
}
