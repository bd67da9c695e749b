package app

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/logformat"
	"github.com/botgate/botgate/internal/report"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/version"
)

const (
	// reportEvery is how often a process says how it does.
	reportEvery = time.Minute
	// reportSoon is the time until the first time, in which the process becomes ready, and until another try.
	reportSoon = 5 * time.Second
	// reportTimeout bounds that, also at a stop.
	reportTimeout = 3 * time.Second
)

// reportProcess says how this process does: to the database, or to the queue where it has only that.
func (a *App) reportProcess(ctx context.Context) error {
	say := a.sayToQueue
	switch {
	case a.refusals != nil:
		say = a.refusals.Saw
	case a.queue == nil:
		return nil
	}
	a.supervise(ctx, "report of the process", reportTimeout, func(ctx context.Context) error {
		for pause := reportSoon; retry.Sleep(ctx, pause); {
			bounded, cancel := context.WithTimeout(ctx, reportTimeout)
			err := say(bounded, logformat.InstanceName(), a.process(bounded))
			cancel()
			if pause = reportEvery; err != nil {
				a.log.Debug("can't report how the process does", "error", err)
				pause = reportSoon
			}
		}
		return nil
	})
	return nil
}

// sayToQueue has whoever records write it down.
func (a *App) sayToQueue(ctx context.Context, instance string, p *report.Process) error {
	made, err := report.New(instance)
	if err != nil {
		return err
	}
	made.Process = p
	e, err := made.Event()
	if err != nil {
		return err
	}
	return a.queue.Publish(ctx, e)
}

func (a *App) process(ctx context.Context) *report.Process {
	rep := a.health.Report(ctx)
	p := &report.Process{
		Service: "botgate-backend", Version: version.Number(), StartedAt: a.begun.UTC().Truncate(time.Second),
		Status: rep.Status, Checks: rep.Checks, Details: rep.Details,
	}
	for _, role := range a.settings.Roles {
		p.Roles = append(p.Roles, string(role))
	}
	return p
}
