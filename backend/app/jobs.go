package app

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/document"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/internal/blob/open"
)

const (
	stopJobs = job.Grace + giveBack
	// readyPause is the pause between two looks for a table that somebody makes.
	readyPause = 250 * time.Millisecond
)

// openJobs opens the jobs, for those who ask for them and for those who work on them.
func (a *App) openJobs(ctx context.Context) error {
	if !a.settings.Has(config.API) && !a.settings.Has(config.Jobs) {
		return nil
	}
	engine := job.NewSQL(a.firstDatabase(), a.log)
	if err := a.migrate(ctx, "schema of the jobs", engine.Migrate); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	a.jobsReady = engine.Ready
	kinds, err := a.jobKinds()
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	a.jobs, err = job.New(job.Config{
		Engine: engine, Kinds: kinds, Logger: a.log.With("role", string(config.Jobs)), Registerer: a.registry,
	})
	return err
}

// jobKinds are what there is to do here: exports need a place for their files. A process that
// only asks for a replay need not have the queue open.
func (a *App) jobKinds() (map[string]job.Kind, error) {
	kinds := map[string]job.Kind{"rebuild": kind.Rebuild{Maintainer: a.store}, "replay": kind.Replay{Queue: a.queue}}
	address := a.settings.Blobs()
	if address == "" {
		return kinds, nil
	}
	blobs, err := open.Open(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.EnvBlobURL, err)
	}
	a.onStop(step{"files of the jobs", closeStore, func(ctx context.Context) error { return within(ctx, blobs.Close) }})
	kinds["export"] = kind.NewExport(kind.ExportConfig{Reader: a.store, Append: document.AppendLine, Blobs: blobs})
	return kinds, nil
}

// startJobs works on them, as soon as their table is there.
func (a *App) startJobs(ctx context.Context) error {
	if !a.settings.Has(config.Jobs) {
		return nil
	}
	run := func(ctx context.Context) error {
		for a.jobsReady(ctx) != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(readyPause):
			}
		}
		return a.jobs.Run(ctx)
	}
	a.background(ctx, config.Jobs, stopJobs, run, a.jobs.Healthy)
	return nil
}
