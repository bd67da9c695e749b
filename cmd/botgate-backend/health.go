package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/healthcheck"
)

func newHealth(getenv func(string) string) *cobra.Command {
	var listen, url string
	cmd := &cobra.Command{
		Use: "health", Short: "Asks the running process whether it is ready", Args: noArgs,
		Long: `Asks the process that runs on this machine whether it is ready, and prints its answer. The exit
code is 1 where that is not 200 or takes longer than 3 seconds. It is the health check of
containers, which have no shell. By default it asks /readyz/self of the address that the
environment names: /healthz is alive, /readyz has what it needs.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The other settings are those of the running process, and not this one's to judge.
			own, err := healthcheck.URL(cmp.Or(listen, getenv(config.EnvListen), config.Default().Listen), "/readyz/self")
			if err != nil {
				return fmt.Errorf("--listen (%s): %w", config.EnvListen, err)
			}
			answer, err := healthcheck.Get(cmd.Context(), cmp.Or(url, own))
			if err != nil {
				return failed(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), answer)
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "the address that the process listens on ("+config.EnvListen+")")
	cmd.Flags().StringVar(&url, "url", "", "another probe to ask")
	return cmd
}
