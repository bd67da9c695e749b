package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/queue"
)

func newGiveUp(getenv func(string) string) *cobra.Command {
	var bot, id string
	cmd := &cobra.Command{
		Use: "give-up --bot <name> --event <id>", Args: noArgs,
		Short: "Gives up an event, so that later ones of its order key go on",
		Long: `Gives up an event that waits for its next attempt, such as one that a bot with on_dead hold
does not take: the process with the role dispatch that has it makes it a dead event, and later ones
of its order key go on. Whether one has it is not known here; one that has no connection to the queue
at that moment does not hear of it. The status of the event says what became of it: repeat the
command while it is not dead.`,
	}
	cmd.Flags().StringVar(&bot, "bot", "", "the bot's name")
	cmd.Flags().StringVar(&id, "event", "", "the event's id")
	check := func() error {
		if err := checkBot(bot); err != nil {
			return err
		}
		if !store.ValidID(id) {
			return errors.New("--event must be the id of an event")
		}
		return nil
	}
	return onQueue(cmd, getenv, check, func(ctx context.Context, q queue.Queue, _ []string, out io.Writer) error {
		if err := q.GiveUp(ctx, bot, id); err != nil {
			return err
		}
		fmt.Fprintf(out, "event %s of %s is given up where it waits\n", id, bot)
		return nil
	})
}
