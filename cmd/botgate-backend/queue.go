package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/engines"
)

const (
	// readyPause is the pause between two questions whether the queue is there.
	readyPause = 50 * time.Millisecond
	// readyWait bounds how long a command waits for a broker, where nothing else does.
	readyWait = time.Minute
)

// withQueue opens the queue, which must exist, for a command, and waits until it is ready.
func withQueue(ctx context.Context, address, history string, use func(queue.Queue) error) (err error) {
	if path, err := engines.SQLitePath(address); err == nil {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s: there is no queue file: %w", config.EnvQueueURL, err)
		}
	}
	q, err := engines.Open(ctx, address, engines.Options{History: history})
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
