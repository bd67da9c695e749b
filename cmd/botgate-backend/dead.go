package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/dead"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/engines"
)

// readyPause is the pause between two questions whether the queue is there.
const readyPause = 50 * time.Millisecond

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
	address := cmp.Or(command.QueueURL, getenv(config.EnvQueueURL), config.Default().QueueURL)
	if err := engines.Check(address); err != nil {
		say(stderr, complaint(err))
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, command.Timeout)
	defer cancel()
	if err := withDeadLetters(ctx, address, func(letters queue.DeadLetters) error {
		return command.Run(ctx, letters, stdout)
	}); err != nil {
		say(stderr, complaint(err))
		return exitError
	}
	return exitOK
}

// withDeadLetters opens the queue, which must exist, for use.
func withDeadLetters(ctx context.Context, address string, use func(queue.DeadLetters) error) (err error) {
	if path, err := engines.SQLitePath(address); err == nil {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s: there is no queue file: %w", config.EnvQueueURL, err)
		}
	}
	q, err := engines.Open(ctx, address, engines.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	if err := awaitReady(ctx, q); err != nil {
		return err
	}
	letters, ok := queue.As[queue.DeadLetters](q)
	if !ok {
		return fmt.Errorf("%s: this queue has no dead letters", config.EnvQueueURL)
	}
	return use(letters)
}

// awaitReady waits for the connection to a broker.
func awaitReady(ctx context.Context, q queue.Queue) error {
	pause := time.NewTicker(readyPause)
	defer pause.Stop()
	for {
		err := q.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", config.EnvQueueURL, err)
		}
	}
}
