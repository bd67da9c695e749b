package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/app"
)

func newMigrate(getenv func(string) string) *cobra.Command {
	return &cobra.Command{
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
}
