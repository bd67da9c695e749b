package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// readyPause is the pause between two questions whether a server is there.
	readyPause = 50 * time.Millisecond
	// readyWait bounds how long a command waits for a server, where nothing else does.
	readyWait = time.Minute
)

// queueWork is what a command does with the queue, and prints.
type queueWork func(ctx context.Context, q queue.Queue, args []string, out io.Writer) error

// onQueue has a command work with the queue, within its option --timeout, once what it was given passes
// the check.
func onQueue(cmd *cobra.Command, getenv func(string) string, check func() error, work queueWork) *cobra.Command {
	var timeout time.Duration
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := check(); err != nil {
			return err
		}
		if timeout <= 0 {
			return errors.New("--timeout must be positive")
		}
		settings, err := load(cmd, getenv)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		return failed(withQueue(ctx, settings, func(q queue.Queue) error { return work(ctx, q, args, cmd.OutOrStdout()) }))
	}
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "how long the queue may take")
	addOptionOf(cmd, config.EnvQueueURL)
	return cmd
}

// withQueue opens the queue, which must exist, and works with it as soon as it is ready.
func withQueue(ctx context.Context, settings config.Config, use func(queue.Queue) error) (err error) {
	if path, err := address.Queue(settings.QueueURL); err == nil && path != "" {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s: there is no queue file: %w", config.EnvQueueURL, err)
		}
	}
	q, err := app.VisitQueue(ctx, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	if err := await(ctx, q.Ready); err != nil {
		return fmt.Errorf("%s: %w", config.EnvQueueURL, err)
	}
	return use(q)
}

// withStore opens the databases and works with them as soon as they are ready.
func withStore(cmd *cobra.Command, settings config.Config, use func(*sharded.Store) error) (err error) {
	s, err := app.OpenStore(cmd.Context(), settings, warnings(cmd), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := await(cmd.Context(), s.Ready); err != nil {
		return fmt.Errorf("%s: %w", config.EnvDatabaseURL, err)
	}
	return use(s)
}

// await waits until a server is ready, and returns why it is not when time is up.
func await(ctx context.Context, ready func(context.Context) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	retry.Backoff{Min: readyPause}.Until(ctx, func() bool {
		err = ready(ctx)
		return err == nil
	})
	return err
}
