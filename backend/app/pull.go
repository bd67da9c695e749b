package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/address"
)

const (
	// stopPull bounds the wait for what is lent, and stopDirectory that for a look at the list of processes.
	stopPull      = 11 * time.Second
	stopDirectory = 5 * time.Second
)

// openPull has processes find each other that have events for bots that pull, or ask for them, where there is a Redis.
func (a *App) openPull(ctx context.Context) error {
	if a.redis == nil {
		a.warnOfPull()
		return nil
	}
	if a.ledger == nil && !a.settings.Has(config.API) {
		return nil
	}
	cfg := pull.DirectoryConfig{
		Redis: a.redis, Ledger: a.ledger, Secret: a.door.secret, Logger: a.log.With(slog.String("part", "pull")),
	}
	if listens := a.Addr(); listens != nil {
		cfg.Address = a.settings.Advertised(ctx, listens.String())
	}
	a.directory = pull.NewDirectory(cfg)
	_ = a.directory.Refresh(ctx) // Run says why it fails.
	a.supervise(ctx, "list of those who deliver", stopDirectory, a.directory.Run)
	return nil
}

// warnOfPull tells the operator of bots that nobody will reach.
func (a *App) warnOfPull() {
	file, err := address.Queue(a.settings.QueueURL)
	if a.ledger == nil || err == nil && file != "" {
		return
	}
	for name, bot := range a.bots.all() {
		if bot.Pull {
			a.log.Warn("a bot that pulls can't ask for its events, for processes find each other through Redis",
				"bot", name, "option", config.EnvRedisURL)
		}
	}
}

// apiPull is who has the events of bots that pull; nil where there may be others than this process, and nobody knows.
func (a *App) apiPull() api.Pull {
	if a.directory != nil {
		return pull.NewRouter(a.directory)
	}
	if file, err := address.Queue(a.settings.QueueURL); a.ledger != nil && err == nil && file != "" {
		return pull.NewRouter(pull.Local{Ledger: a.ledger})
	}
	return nil
}

// pullUses are how bots that pull do here; nil where nothing is delivered.
func (a *App) pullUses() func() map[string]pull.Use {
	if a.ledger == nil {
		return nil
	}
	return a.ledger.Uses
}

// drainPull has pollers settle what they have before anything else stops.
func (a *App) drainPull(context.Context) error {
	if a.ledger != nil {
		a.onStop("leases", stopPull, func(ctx context.Context) error {
			if a.drains == nil || a.drains() {
				a.bots.drain(ctx)
			}
			return nil
		})
	}
	return nil
}
