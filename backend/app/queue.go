package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/botgate/botgate/backend/config"
	blobopen "github.com/botgate/botgate/internal/blob/open"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claimcheck"
	queueopen "github.com/botgate/botgate/internal/queue/open"
)

// OpenQueue opens the queue of the settings, whose large bodies are in their blob store.
// Errors name the option to change.
func OpenQueue(ctx context.Context, settings config.Config, logger *slog.Logger) (queue.Queue, error) {
	return openQueue(ctx, settings, queueopen.Options{History: settings.History, Logger: logger})
}

// VisitQueue is OpenQueue for a command, while other processes run the queue; see
// [queueopen.Options.Guest].
func VisitQueue(ctx context.Context, settings config.Config) (queue.Queue, error) {
	return openQueue(ctx, settings, queueopen.Options{History: settings.History, Guest: true})
}

func openQueue(ctx context.Context, settings config.Config, opts queueopen.Options) (queue.Queue, error) {
	q, err := queueopen.Open(ctx, settings.QueueURL, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.EnvQueueURL, err)
	}
	cfg := claimcheck.Config{Logger: opts.Logger}
	if address := settings.Blobs(); address != "" {
		if cfg.Blobs, err = blobopen.Open(address); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", config.EnvBlobURL, err), q.Close())
		}
	}
	return claimcheck.New(q, cfg), nil
}
