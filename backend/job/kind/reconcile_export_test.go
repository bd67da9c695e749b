package kind

import (
	"context"
	"time"
)

// Checkpoint is the memory of a reconciliation.
type Checkpoint = reconcileCheckpoint

// Look looks once, at a time.
func Look(ctx context.Context, k Reconcile, at *Checkpoint, now time.Time) error {
	return newLook(k, at, now).run(ctx)
}
