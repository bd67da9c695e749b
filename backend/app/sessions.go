package app

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/session"
)

// stopSessions bounds the wait for the removal of ended sessions, which goes in steps.
const stopSessions = 2 * time.Second

// openSessions opens the sessions of bots: in Redis, or without one in the first database.
func (a *App) openSessions(ctx context.Context) error {
	if !a.settings.Has(config.API) {
		return nil
	}
	engine, err := a.sessionEngine(ctx)
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	data := a.settings.Data
	a.sessions, err = session.New(session.Config{
		Engine: engine, TTL: data.SessionTTL, MaxTTL: data.SessionMaxTTL, MaxSize: int(data.SessionSize), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("%s, %s: %w", config.EnvSessionTTL, config.EnvSessionMaxTTL, err)
	}
	sweeping := supervise(ctx, a.log, "sessions", a.sessions.Run)
	a.onStop(step{"sessions", stopSessions, sweeping.stop})
	return nil
}

func (a *App) sessionEngine(ctx context.Context) (session.Engine, error) {
	if a.redis != nil {
		return session.NewRedis(a.redis, "botgate:session:"), nil
	}
	engine := session.NewSQL(a.firstDatabase(), a.log)
	return engine, a.migrate(ctx, "schema of the sessions", engine.Migrate)
}
