package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/botgate/botgate/backend/config"
	jobpostgres "github.com/botgate/botgate/backend/job/postgres"
	jobsqlite "github.com/botgate/botgate/backend/job/sqlite"
	sessionpostgres "github.com/botgate/botgate/backend/session/postgres"
	sessionsqlite "github.com/botgate/botgate/backend/session/sqlite"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/backend/store/sqlite"
)

// Migrate brings the schemas of all databases up to date, and tells of each one that is. It
// stops at the first that can't be, since whoever starts new programs then needs all.
func Migrate(ctx context.Context, settings config.Config, log *slog.Logger, tell func(shard string)) error {
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
		tell(s.Name)
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
	switch db := engine.(type) {
	case *postgres.Store:
		if err := db.Migrate(ctx); err != nil || !first {
			return err
		}
		return errors.Join(sessionpostgres.New(db.Primary(), log).Migrate(ctx), jobpostgres.New(db.Primary(), log).Migrate(ctx))
	case *sqlite.Store: // Its own is up to date when it is open.
		if !first {
			return nil
		}
		writer, reader := db.Handles()
		_, sessions := sessionsqlite.New(ctx, writer, reader)
		_, jobs := jobsqlite.New(ctx, writer, reader)
		return errors.Join(sessions, jobs)
	}
	return nil
}
