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
	"github.com/botgate/botgate/internal/retry"
)

const (
	stopJobs = job.Grace + giveBack
	// readyPause is the pause between two checks of the tables, which another process may make.
	readyPause = 250 * time.Millisecond
)

// openJobs opens the jobs, for the role api, which accepts them, and the role jobs.
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

// jobKinds returns the kinds of jobs. Exports need a blob store for their files. A process that
// only accepts replays need not have the queue open.
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

// startJobs works on jobs as soon as their tables are migrated.
func (a *App) startJobs(ctx context.Context) error {
	if !a.settings.Has(config.Jobs) {
		return nil
	}
	run := func(ctx context.Context) error {
		migrated := func() bool { return a.jobsReady(ctx) == nil }
		if !(retry.Backoff{Min: readyPause}).Until(ctx, migrated) {
			return nil
		}
		return a.jobs.Run(ctx)
	}
	a.background(ctx, config.Jobs, stopJobs, run, a.jobs.Healthy)
	return nil
}
