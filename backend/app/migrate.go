package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/schedule/cron"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/address"
)

// Migrate brings the schemas of all databases up to date, and calls done for each that is. It
// stops at the first that can't be, since new programs need all of them.
func Migrate(ctx context.Context, settings config.Config, log *slog.Logger, done func(shard string)) error {
	m, err := shardMap(settings)
	if err != nil {
		return err
	}
	return eachShard(m, func(s sharded.Shard, first bool) error {
		err := migrateShard(ctx, settings, s, first, log)
		if err == nil {
			done(s.Name)
		}
		return err
	})
}

// eachShard ends at the first error. The first shard by name has the tables that are not spread.
func eachShard(m sharded.Map, do func(s sharded.Shard, first bool) error) error {
	first := m.Shards[0].Name
	for _, s := range m.Shards {
		first = min(first, s.Name)
	}
	for _, s := range m.Shards {
		if err := do(s, s.Name == first); err != nil {
			return fmt.Errorf("shard %s: %w", s.Name, err)
		}
	}
	return nil
}

// migrateShard also makes what is in the first database only.
func migrateShard(
	ctx context.Context, settings config.Config, s sharded.Shard, first bool, log *slog.Logger,
) (err error) {
	settings.Data.Migrate = true // Whatever processes may do.
	engine, err := openShard(ctx, settings, s, log, nil)
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
	return errors.Join(session.NewSQL(engine.SQL(), log).Migrate(ctx), job.NewSQL(engine.SQL(), log).Migrate(ctx),
		audit.New(engine.SQL(), log).Migrate(ctx), refusal.New(engine.SQL(), log).Migrate(ctx),
		pause.NewSQL(engine.SQL(), log).Migrate(ctx), cron.NewMarks(engine.SQL(), log).Migrate(ctx))
}

// MigrationStep is a migration that a database lacks.
type MigrationStep = migration.Step

// planner is a part of the backend that has tables.
type planner interface {
	Plan(ctx context.Context) ([]MigrationStep, error)
}

// PlanMigration calls show with what [Migrate] would do in each database, and changes nothing.
func PlanMigration(
	ctx context.Context, settings config.Config, log *slog.Logger, show func(shard string, steps []MigrationStep),
) error {
	m, err := shardMap(settings)
	if err != nil {
		return err
	}
	return eachShard(m, func(s sharded.Shard, first bool) error {
		steps, err := planShard(ctx, settings, s, first, log)
		if err == nil {
			show(s.Name, steps)
		}
		return err
	})
}

func planShard(
	ctx context.Context, settings config.Config, s sharded.Shard, first bool, log *slog.Logger,
) (steps []MigrationStep, err error) {
	events, db, closeDB, err := viewShard(ctx, settings, s, log)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", databaseOption(s), err)
	}
	defer func() { err = errors.Join(err, closeDB()) }()
	parts := []planner{events}
	if first {
		parts = append(parts, session.NewSQL(db, log), job.NewSQL(db, log), audit.New(db, log), refusal.New(db, log),
			pause.NewSQL(db, log), cron.NewMarks(db, log))
	}
	for _, part := range parts {
		more, err := part.Plan(ctx)
		if err != nil {
			return nil, err
		}
		steps = append(steps, more...)
	}
	return steps, nil
}

// viewShard opens a database without a change to it.
func viewShard(
	ctx context.Context, settings config.Config, s sharded.Shard, log *slog.Logger,
) (events planner, db sqldb.DB, closeDB func() error, err error) {
	path, err := address.Database(s.URL)
	if err != nil {
		return nil, db, nil, err
	}
	if path != "" {
		if db, err = sqlite.View(path); err != nil {
			return nil, db, nil, err
		}
		return sqlite.Tables(db), db, db.Reader.Close, nil
	}
	engine, err := postgres.Open(ctx, postgres.Config{Name: s.Name, URL: s.URL, MaxConns: settings.Data.Pool, Logger: log})
	if err != nil {
		return nil, db, nil, err
	}
	return postgres.Tables(engine.SQL(), log), engine.SQL(), engine.Close, nil
}
