package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/blob/stores"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/claim"
	"github.com/botgate/botgate/internal/queue/engines"
)

// OpenQueue opens the queue of the settings, whose large bodies are in their blob store.
// Errors name the option to change.
func OpenQueue(ctx context.Context, settings config.Config, logger *slog.Logger) (queue.Queue, error) {
	return openQueue(ctx, settings, engines.Options{History: settings.History, Logger: logger})
}

// VisitQueue is OpenQueue for a command beside the processes that work on the queue; see
// [engines.Options.Guest].
func VisitQueue(ctx context.Context, settings config.Config) (queue.Queue, error) {
	return openQueue(ctx, settings, engines.Options{History: settings.History, Guest: true})
}

func openQueue(ctx context.Context, settings config.Config, opts engines.Options) (queue.Queue, error) {
	q, err := engines.Open(ctx, settings.QueueURL, opts)
	if err != nil {
		return nil, err
	}
	cfg := claim.Config{Logger: opts.Logger}
	if address := settings.Blobs(); address != "" {
		if cfg.Blobs, err = stores.Open(address); err != nil {
			return nil, errors.Join(err, q.Close())
		}
	}
	return claim.New(q, cfg), nil
}
