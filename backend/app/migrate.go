package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store/sharded"
)

// Migrate brings the schemas of all databases up to date, and calls done for each that is. It
// stops at the first that can't be, since new programs need all of them.
func Migrate(ctx context.Context, settings config.Config, log *slog.Logger, done func(shard string)) error {
	m, err := shardMap(settings)
	if err != nil {
		return err
	}
	first := m.Shards[0].Name
	for _, s := range m.Shards {
		first = min(first, s.Name)
	}
	for _, s := range m.Shards {
		if err := migrateShard(ctx, settings.Data, s, s.Name == first, log); err != nil {
			return fmt.Errorf("shard %s: %w", s.Name, err)
		}
		done(s.Name)
	}
	return nil
}

// migrateShard also makes what is in the first database only.
func migrateShard(ctx context.Context, data config.Data, s sharded.Shard, first bool, log *slog.Logger) (err error) {
	engine, err := openShard(ctx, data, s, log, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	// The schema of SQLite is up to date once it is open.
	if events, ok := engine.(interface{ Migrate(context.Context) error }); ok {
		err = events.Migrate(ctx)
	}
	if err != nil || !first {
		return err
	}
	return errors.Join(session.NewSQL(engine.SQL(), log).Migrate(ctx), job.NewSQL(engine.SQL(), log).Migrate(ctx))
}
