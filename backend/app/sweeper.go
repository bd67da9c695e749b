package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/metric"
)

const (
	// sweepEvery is the time from the end of a sweep to the next.
	sweepEvery = time.Hour
	// stopSweeper bounds the wait for a sweep, which ends between two files.
	stopSweeper = time.Second
)

// sweeper is a blob store that does not remove old blobs by itself.
type sweeper interface {
	// Sweep removes what was put before the time for the last time.
	Sweep(ctx context.Context, before time.Time) (removed int, err error)
}

// startSweeper removes large bodies that are older than anything that refers to them. It
// goes with the role record: one that runs is enough, several do no harm.
func (a *App) startSweeper(ctx context.Context) error {
	if !a.settings.Has(config.Record) || a.settings.BodyRetention() == 0 || a.settings.Blobs() == "" {
		return nil
	}
	blobs, err := open.Open(a.settings.Blobs())
	if err != nil {
		return err
	}
	folder, ok := blobs.(sweeper)
	if !ok {
		return blobs.Close()
	}
	removed := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "botgate_blob_expired_total",
		Help: "Bodies removed from the blob folder because they were older than the retention.",
	})
	if err := metric.Register(a.registry, "the blob store", removed); err != nil {
		return err
	}
	s := supervise(ctx, a.log, "blob sweeper", func(ctx context.Context) error {
		return sweep(ctx, folder, a.settings.BodyRetention(), func(n int) { removed.Add(float64(n)) })
	})
	a.onStop(step{"blob sweeper", stopSweeper, s.stop})
	return nil
}

// sweep sweeps until ctx ends.
func sweep(ctx context.Context, folder sweeper, retention time.Duration, count func(int)) error {
	for {
		removed, err := folder.Sweep(ctx, time.Now().Add(-retention))
		count(removed)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sweepEvery):
		}
	}
}
