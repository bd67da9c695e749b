package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// askReconcile is the time between two requests for the day's reconciliation, of which one is made.
	askReconcile = time.Minute
	// stopReconcile bounds the wait for such a request.
	stopReconcile = time.Second
)

// reconcile is the kind of the jobs that look for events in no queue.
func (a *App) reconcile() (kind.Reconcile, error) {
	redelivered := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_reconciled_total",
		Help: "Events under way that no queue had and that were delivered again.",
	})
	k := kind.Reconcile{
		Reader: a.store, Queue: a.queue, After: a.settings.ReconcileAfter,
		Redelivered: redelivered, Logger: a.log.With("role", string(config.Jobs)),
	}
	if !a.settings.Has(config.Jobs) {
		return k, nil
	}
	return k, metric.Register(a.registry, "the reconciliation", redelivered)
}

// startReconciler has each day's reconciliation among the jobs. All processes ask for the same one.
func (a *App) startReconciler(ctx context.Context) error {
	if !a.settings.Has(config.Jobs) || a.settings.ReconcileAfter == 0 {
		return nil
	}
	a.supervise(ctx, "schedule of reconciliations", stopReconcile, func(ctx context.Context) error {
		pause := readyPause // While the tables are not there.
		for {
			// The health of the role says why jobs are unavailable.
			if _, _, err := a.jobs.Submit(ctx, kind.ReconcileDay(time.Now())); err == nil {
				pause = askReconcile
			}
			if !retry.Sleep(ctx, pause) {
				return nil
			}
		}
	})
	return nil
}
