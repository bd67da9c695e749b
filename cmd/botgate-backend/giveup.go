package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func newGiveUp(getenv func(string) string) *cobra.Command {
	var (
		bot, id string
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use: "give-up --bot <name> --event <id>", Args: noArgs,
		Short: "Gives up an event, so that later ones of its order key go on",
		Long: `Gives up an event that waits for its next attempt, such as one that a bot with on_dead hold
does not take: the process with the role dispatch that has it makes it a dead event, and later ones
of its order key go on. Whether one has it is not known here; one that has no connection to the queue
at that moment does not hear of it. The status of the event says what became of it: repeat the
command while it is not dead.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case !event.ValidBot(bot):
				return fmt.Errorf("--bot must be the name of a bot, not %q", bot)
			case !store.ValidID(id):
				return errors.New("--event must be the id of an event")
			case timeout <= 0:
				return errTimeout
			}
			settings, err := load(cmd, getenv)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			err = withQueue(ctx, settings, func(q queue.Queue) error { return q.GiveUp(ctx, bot, id) })
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "event %s of %s is given up where it waits\n", id, bot)
			}
			return failed(err)
		},
	}
	cmd.Flags().StringVar(&bot, "bot", "", "the bot's name")
	cmd.Flags().StringVar(&id, "event", "", "the event's id")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long the queue may take")
	addOptionOf(cmd, config.EnvQueueURL)
	return cmd
}
