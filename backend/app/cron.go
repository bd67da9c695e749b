package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/schedule/cron"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/metric"
)

const (
	// stopCron bounds the wait for what is being published, which is given up.
	stopCron = 2 * time.Second
	// closeTimed bounds the end of the following of the schedules.
	closeTimed = time.Second
)

// startCron publishes events by the schedules of the bots file. It goes with the role jobs: one that runs is enough, several
// do no harm.
func (a *App) startCron(ctx context.Context) error {
	if !a.settings.Has(config.Jobs) {
		return nil
	}
	marks := cron.NewMarks(a.firstDatabase(), a.log)
	if err := a.migrate(ctx, "schema of the schedules", marks); err != nil {
		return fmt.Errorf("schedules: %w", err)
	}
	var err error
	a.cron, err = cron.New(cron.Config{
		Marks: marks, Publish: a.queue.Publish, Logger: a.log.With("role", string(config.Jobs)), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("role jobs: %w", err)
	}
	if err := a.openTimed(); err != nil {
		return err
	}
	a.supervise(ctx, "schedules of the bots file", stopCron, onceReady(marks.Ready, a.cron.Run))
	return nil
}

// openTimed has the schedules of the bots file, unless this process has the role dispatch: followBots brings them then.
func (a *App) openTimed() error {
	switch {
	case a.settings.Has(config.Dispatch):
		return nil
	case !a.readsTimed():
		a.log.Info("no schedules fire, since there is no bots file", slog.String("option", config.EnvBotsFile))
		return nil
	}
	file, err := bots.FollowTimed(a.settings.BotsFile, a.changeTimed, a.log)
	if err != nil {
		return fmt.Errorf("%s: %w", config.EnvBotsFile, err)
	}
	a.onClose("schedules", closeTimed, file.Close)
	return a.cron.Set(file.Get())
}

// readsTimed reports whether this process reads the bots file for its schedules alone. The role jobs need not have it.
func (a *App) readsTimed() bool {
	if !a.settings.Has(config.Jobs) || a.settings.Has(config.Dispatch) || a.settings.BotsFile == "" {
		return false
	}
	_, err := os.Stat(a.settings.BotsFile)
	return !errors.Is(err, fs.ErrNotExist)
}

// countSchedules shows how many schedules the bots have that this process delivers to, whoever is to fire them.
func (a *App) countSchedules() error {
	return metric.Register(a.registry, "the schedules of the bots", prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "botgate_dispatch_schedules",
		Help: "Schedules of the bots that are delivered to. The role jobs has to have them, too, to fire them.",
	}, func() float64 { return float64(a.bots.all().Timed().Count()) }))
}

// changeTimed has other schedules fire, where this process does that.
func (a *App) changeTimed(now bots.TimedSet) {
	if a.cron == nil {
		return
	}
	if err := a.cron.Set(now); err != nil {
		a.log.Error("schedules can't follow the bots file; the role jobs has to be started again", "error", err)
	}
}
