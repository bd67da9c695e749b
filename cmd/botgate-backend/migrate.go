package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/app"
)

func newMigrate(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "migrate", Short: "Brings the schema of the database up to date", Args: noArgs,
		Long: `Brings the schema of the database up to date, of all shards where there are several.

The database is that of the environment: BOTGATE_DATABASE_URL or BOTGATE_SHARDS_FILE. Processes
do the same at their start unless BOTGATE_MIGRATE is off. A schema that is current is left as
it is.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := load(cmd, getenv)
			if err != nil {
				return err
			}
			return failed(app.Migrate(cmd.Context(), settings, warnings(cmd), func(shard string) {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: the schema is current\n", shard)
			}))
		},
	}
	cmd.AddCommand(newMigratePlan(getenv))
	return cmd
}

func newMigratePlan(getenv func(string) string) *cobra.Command {
	return &cobra.Command{
		Use: "plan", Short: "Prints what migrate would do", Args: noArgs,
		Long: `Prints what migrate would do, and changes nothing: each migration that a database lacks, the oldest
schema version that programs have to know to run on it, and what waits for it meanwhile. Counts of rows
are estimates (of PostgreSQL those of the last ANALYZE), and times are what a small server takes.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := load(cmd, getenv)
			if err != nil {
				return err
			}
			return failed(app.PlanMigration(cmd.Context(), settings, warnings(cmd), func(shard string, steps []app.MigrationStep) {
				printPlan(cmd.OutOrStdout(), shard, steps)
			}))
		},
	}
}

func printPlan(out io.Writer, shard string, steps []app.MigrationStep) {
	if len(steps) == 0 {
		fmt.Fprintf(out, "%s: the schema is current\n", shard)
	}
	for _, s := range steps {
		fmt.Fprintf(out, "%s: %s %s: programs from schema version %d on may run on it; ", shard, s.Part, s.Name, s.MinProgram)
		if len(s.Locks) == 0 {
			fmt.Fprintln(out, "no existing table is locked")
			continue
		}
		fmt.Fprintf(out, "takes about %s\n", max(s.Takes().Round(time.Second), time.Second))
		for _, l := range s.Locks {
			fmt.Fprintf(out, "  %s: %s; about %d rows\n", l.Table, l.Waits, l.Rows)
		}
	}
}
