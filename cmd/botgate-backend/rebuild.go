package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store/sharded"
)

const rebuildUsage = `Makes the read models anew from the log: statuses, users' counters, bots' statistics.

Usage: botgate-backend rebuild [day…]

A day is like 2026-03-01, in UTC; without one, all days are rebuilt, oldest first. The database is that of
the environment. Everything may go on meanwhile: nothing of the day at hand is recorded, but waits in the
queue; answers are those from before until the day is done. Interrupted, it leaves each day as it was or done.
Exit codes: 0 done, 1 a day could not be rebuilt, 2 the arguments or the environment are wrong.
`

// runRebuild is the command "rebuild".
func runRebuild(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	settings, code := databaseSettings(args, rebuildUsage, getenv, stdout, stderr)
	if code >= 0 {
		return code
	}
	var days []time.Time
	for _, arg := range args {
		day, err := time.Parse(time.DateOnly, arg)
		if err != nil {
			say(stderr, complaint(fmt.Errorf("%q is not a day like 2026-03-01", arg)))
			return exitUsage
		}
		days = append(days, day)
	}
	if err := rebuild(ctx, settings, days, stdout, stderr); err != nil {
		say(stderr, complaint(err))
		return exitError
	}
	return exitOK
}

func rebuild(ctx context.Context, settings config.Config, days []time.Time, stdout, stderr io.Writer) (err error) {
	s, err := app.OpenStore(ctx, settings, warnings(stderr), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := awaitStore(ctx, s); err != nil {
		return err
	}
	if len(days) == 0 {
		if days, err = s.Days(ctx); err != nil {
			return err
		}
	}
	if len(days) == 0 {
		say(stdout, "the log is empty\n")
	}
	for i, day := range days {
		entries, err := s.Rebuild(ctx, day)
		if err != nil {
			return fmt.Errorf("rebuilding %s: %w", day.Format(time.DateOnly), err)
		}
		say(stdout, fmt.Sprintf("%s: %d entries (day %d of %d)\n", day.Format(time.DateOnly), entries, i+1, len(days)))
	}
	return nil
}

// awaitStore waits for the databases.
func awaitStore(ctx context.Context, s *sharded.Store) error {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	pause := time.NewTicker(readyPause)
	defer pause.Stop()
	for {
		err := s.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", config.EnvDatabaseURL, err)
		}
	}
}
