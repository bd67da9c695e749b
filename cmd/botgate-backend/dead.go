package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"time"

	"github.com/botgate/botgate/backend/dead"
	"github.com/botgate/botgate/internal/queue"
)

// runDead is the command "dead".
func runDead(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command, err := dead.Parse(args, time.Now())
	switch {
	case errors.Is(err, flag.ErrHelp):
		say(stdout, dead.Usage)
		return exitOK
	case err != nil:
		say(stderr, complaint(err))
		return exitUsage
	}
	settings, err := queueSettings(command.QueueURL, getenv)
	if err != nil {
		say(stderr, complaint(err))
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, command.Timeout)
	defer cancel()
	if err := withQueue(ctx, settings, func(q queue.Queue) error { return command.Run(ctx, q, stdout) }); err != nil {
		say(stderr, complaint(err))
		return exitError
	}
	return exitOK
}
