package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/job/kind"
	"github.com/botgate/botgate/backend/store/sharded"
)

func newRebuild(getenv func(string) string) *cobra.Command {
	return &cobra.Command{
		Use: "rebuild [day...]", Short: "Makes the read models anew from the log",
		Long: `Makes the read models anew from the log: statuses, users' counters, bots' statistics.

A day is like 2026-03-01, in UTC; without one, all days are rebuilt, oldest first. The database
is that of the environment. Everything may go on meanwhile: nothing of the day at hand is
recorded, but waits in the queue; answers are those from before until the day is done.
Interrupted, it leaves each day as it was or done.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			days := make([]time.Time, len(args))
			for i, arg := range args {
				var err error
				if days[i], err = time.Parse(time.DateOnly, arg); err != nil {
					return fmt.Errorf("%q is not a day like 2026-03-01", arg)
				}
			}
			settings, err := load(cmd, getenv)
			if err != nil {
				return err
			}
			return failed(withStore(cmd, settings, func(s *sharded.Store) error {
				return rebuild(cmd.Context(), s, days, cmd.OutOrStdout())
			}))
		},
	}
}

func rebuild(ctx context.Context, s *sharded.Store, days []time.Time, out io.Writer) (err error) {
	if len(days) == 0 {
		if days, err = s.Days(ctx); err != nil {
			return err
		}
	}
	if len(days) == 0 {
		fmt.Fprintln(out, "the log is empty")
	}
	return kind.RebuildDays(ctx, s, days, func(day string, entries int64, done int) error {
		_, err := fmt.Fprintf(out, "%s: %d entries (day %d of %d)\n", day, entries, done, len(days))
		return err
	})
}
