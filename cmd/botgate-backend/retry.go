package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func newRetry(getenv func(string) string) *cobra.Command {
	var (
		bot     string
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use: "retry --bot <name>", Short: "Tries what waits for a bot now", Args: noArgs,
		Long: `Tries what waits for a bot now, in all processes with the role dispatch: events that wait for
their next attempt, and a bot that is down, also one that asked to be left alone for longer by
Retry-After. Nothing counts as given up, and order stays. Events of users over a limit go on waiting.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !event.ValidBot(bot) {
				return fmt.Errorf("--bot must be the name of a bot, not %q", bot)
			}
			if timeout <= 0 {
				return errTimeout
			}
			settings, err := load(cmd, getenv)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			err = withQueue(ctx, settings, func(q queue.Queue) error { return q.RetryNow(ctx, bot) })
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "what waits for %s is tried now\n", bot)
			}
			return failed(err)
		},
	}
	cmd.Flags().StringVar(&bot, "bot", "", "the bot's name")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long the queue may take")
	addOptionOf(cmd, config.EnvQueueURL)
	return cmd
}
