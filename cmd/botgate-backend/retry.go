package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func newRetry(getenv func(string) string) *cobra.Command {
	var bot string
	cmd := &cobra.Command{
		Use: "retry --bot <name>", Short: "Tries what waits for a bot now", Args: noArgs,
		Long: `Tries what waits for a bot now, in all processes with the role dispatch: events that wait for
their next attempt, and a bot that is down, also one that asked to be left alone for longer by
Retry-After. Nothing counts as given up, and order stays. Events of users over a limit go on waiting.`,
	}
	cmd.Flags().StringVar(&bot, "bot", "", "the bot's name")
	check := func() error { return checkBot(bot) }
	return onQueue(cmd, getenv, check, func(ctx context.Context, q queue.Queue, _ []string, out io.Writer) error {
		if err := q.RetryNow(ctx, bot); err != nil {
			return err
		}
		fmt.Fprintf(out, "what waits for %s is tried now\n", bot)
		return nil
	})
}

// checkBot checks the option --bot.
func checkBot(name string) error {
	if !event.ValidBot(name) {
		return fmt.Errorf("--bot must be the name of a bot, not %q", name)
	}
	return nil
}
