package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// readyPause is the pause between two questions whether the queue is there.
	readyPause = 50 * time.Millisecond
	// readyWait bounds how long a command waits for a broker, where nothing else does.
	readyWait = time.Minute
)

// queueSettings are those of a command that works on the queue: the address of its flag, else
// the environment's.
func queueSettings(flag string, getenv func(string) string) (config.Config, error) {
	settings := config.Default()
	settings.QueueURL = cmp.Or(flag, getenv(config.EnvQueueURL), settings.QueueURL)
	settings.History = cmp.Or(getenv(config.EnvHistory), settings.History)
	settings.BlobURL = getenv(config.EnvBlobURL)
	return settings, settings.Validate()
}

// withQueue opens the queue, which must exist, for a command, and waits until it is ready.
func withQueue(ctx context.Context, settings config.Config, use func(queue.Queue) error) (err error) {
	if a, err := address.Queue(settings.QueueURL); err == nil && a.Embedded() {
		if _, err := os.Stat(a.Path); err != nil {
			return fmt.Errorf("%s: there is no queue file: %w", config.EnvQueueURL, err)
		}
	}
	q, err := app.VisitQueue(ctx, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	if err := awaitReady(ctx, q); err != nil {
		return err
	}
	return use(q)
}

// awaitReady waits for the connection to a broker.
func awaitReady(ctx context.Context, q queue.Queue) error {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
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
