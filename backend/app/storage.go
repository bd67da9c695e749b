package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/health"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store/postgres"
	"github.com/botgate/botgate/backend/store/postgres/replicas"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/backend/store/sqlite"
	"github.com/botgate/botgate/internal/address"
	queueopen "github.com/botgate/botgate/internal/queue/open"
)

const (
	// fitTimeout bounds how long the start waits for a database server.
	fitTimeout = time.Second
	// closeStore bounds closing a store.
	closeStore = 5 * time.Second
	// stopSessions bounds the wait for the removal of ended sessions, which goes in steps.
	stopSessions = 2 * time.Second
)

// needsStore reports whether a role of this process works with the databases.
func (a *App) needsStore() bool {
	return a.settings.Has(config.Record) || a.settings.Has(config.API) || a.settings.Has(config.Jobs)
}

// openStore opens the databases and has their schemas brought up to date.
func (a *App) openStore(ctx context.Context) error {
	if !a.needsStore() {
		return nil
	}
	m, err := shardMap(a.settings)
	if err != nil {
		return err
	}
	s, err := OpenShards(ctx, m, a.settings, a.log, a.registry)
	if err != nil {
		return err
	}
	a.shards, a.store = m, s
	a.onClose("store", closeStore, s.Close)
	a.health.Add("store", a.storeReady)
	return nil
}

// storeReady is the health check of the databases: degraded while a shard is there.
func (a *App) storeReady(ctx context.Context) error {
	away, err := a.store.Check(ctx)
	if len(away) == 0 || len(away) == len(a.store.Names()) {
		return err
	}
	return health.Degraded{Detail: "away: shard " + strings.Join(away, ", shard "), Err: err}
}

// OpenStore opens the databases of the settings; their servers need not be up. Errors name
// the option to change.
func OpenStore(ctx context.Context, settings config.Config, log *slog.Logger, reg prometheus.Registerer) (*sharded.Store, error) {
	m, err := shardMap(settings)
	if err != nil {
		return nil, err
	}
	return OpenShards(ctx, m, settings, log, reg)
}

// OpenShards opens the databases of a map. Commands have no registerer.
func OpenShards(
	ctx context.Context, m sharded.Map, settings config.Config, log *slog.Logger, reg prometheus.Registerer,
) (*sharded.Store, error) {
	open := func(ctx context.Context, s sharded.Shard) (sharded.Engine, error) {
		engine, err := openShard(ctx, settings, s, log, reg)
		if err == nil && !settings.Data.Migrate {
			engine = noMigrate{engine}
		}
		return engine, err
	}
	return sharded.Open(ctx, sharded.Config{Map: m, Open: open, Logger: log, Registerer: reg})
}

// noMigrate hides an engine's method Migrate, for a process that must not change the schema.
type noMigrate struct{ sharded.Engine }

// shardMap says which databases there are.
func shardMap(settings config.Config) (sharded.Map, error) {
	if settings.Data.ShardsFile == "" {
		return sharded.Single(settings.DatabaseURL, settings.Data.ReplicaURL), nil
	}
	m, err := sharded.Load(settings.Data.ShardsFile, os.Getenv)
	if err != nil {
		return m, fmt.Errorf("%s: %w", config.EnvShardsFile, err)
	}
	return m, nil
}

// databaseOption is the setting that a shard's address is from.
func databaseOption(s sharded.Shard) string {
	if s.Name != sharded.Main {
		return config.EnvShardsFile
	}
	return config.EnvDatabaseURL
}

func openShard(
	ctx context.Context, settings config.Config, s sharded.Shard, log *slog.Logger, reg prometheus.Registerer,
) (sharded.Engine, error) {
	option := databaseOption(s)
	path, err := address.Database(s.URL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", option, err)
	}
	var engine sharded.Engine
	if path != "" {
		engine, err = openSQLite(ctx, settings.Data.Migrate, sqlite.Config{
			Name: s.Name, Path: path, SlowStatement: settings.Data.SlowStatement, Logger: log,
		})
	} else {
		engine, err = openPostgres(ctx, postgres.Config{
			Name: s.Name, URL: s.URL, ReplicaURL: s.ReplicaURL,
			MaxConns: settings.Data.Pool, MaxLag: settings.Data.MaxLag, SlowStatement: settings.Data.SlowStatement, Logger: log, Registerer: reg,
			// A command may not have the settings of those that accept events and record them.
			NoHistory: reg != nil && settings.Has(config.Record) && !queueopen.KeepsHistory(settings.QueueURL, settings.History),
		})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", option, err)
	}
	return engine, nil
}

// openSQLite brings the schema of a file up to date, or refuses one that is not.
func openSQLite(ctx context.Context, migrate bool, cfg sqlite.Config) (*sqlite.Store, error) {
	if !migrate {
		db, err := sqlite.View(cfg.Path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = db.Reader.Close() }()
		if err := requireCurrent(ctx, sqlite.Tables(db).Ready); err != nil {
			return nil, err
		}
	}
	return sqlite.Open(ctx, cfg)
}

// requireCurrent says how a schema is brought up to date that no process may change.
func requireCurrent(ctx context.Context, ready func(context.Context) error) error {
	if err := ready(ctx); err != nil {
		return fmt.Errorf("run botgate-backend migrate first, or set BOTGATE_MIGRATE to on: %w", err)
	}
	return nil
}

// openPostgres refuses to start with more connections than the server takes. A server that does
// not answer is waited for no longer than fitTimeout, and a log line follows later.
func openPostgres(ctx context.Context, cfg postgres.Config) (sharded.Engine, error) {
	s, err := postgres.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	checking, cancel := context.WithTimeout(ctx, fitTimeout)
	defer cancel()
	if err := s.CheckConnections(checking); errors.Is(err, replicas.ErrTooManyConns) {
		return nil, errors.Join(fmt.Errorf("%s: %w", config.EnvPool, err), s.Close())
	}
	return s, nil
}

// openSessions opens the sessions of bots: in Redis, or without one in the first database.
func (a *App) openSessions(ctx context.Context) error {
	if !a.settings.Has(config.API) {
		return nil
	}
	var engine session.Engine
	migrated := func(context.Context) error { return nil }
	if a.redis != nil {
		engine = session.NewRedis(a.redis, "botgate:session:")
	} else {
		database := session.NewSQL(a.firstDatabase(), a.log)
		if err := a.migrate(ctx, "schema of the sessions", database); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
		engine, migrated = database, database.Ready
	}
	data := a.settings.Data
	sessions, err := session.New(session.Config{
		Engine: engine, TTL: data.SessionTTL, MaxTTL: data.SessionMaxTTL, MaxSize: int(data.SessionSize), Registerer: a.registry,
	})
	if err != nil {
		return fmt.Errorf("%s, %s: %w", config.EnvSessionTTL, config.EnvSessionMaxTTL, err)
	}
	a.sessions = sessions
	a.supervise(ctx, "sessions", stopSessions, onceReady(migrated, sessions.Run))
	return nil
}

// firstDatabase is where tables are that are not spread over the shards.
func (a *App) firstDatabase() sqldb.DB {
	first, _ := a.store.Engine(a.store.Names()[0])
	return first.SQL()
}

// tables are those of a part of the backend in the first database.
type tables interface {
	Migrate(ctx context.Context) error
	Ready(ctx context.Context) error
}

// migrate brings the tables of a part up to date: those in a file at once, as with the events, and those on a server as
// soon as it can be reached; or leaves both to the command migrate, which has to have been there of a file.
func (a *App) migrate(ctx context.Context, name string, part tables) error {
	file := a.firstDatabase().Dialect == sqldb.SQLite
	switch {
	case file && a.settings.Data.Migrate:
		return part.Migrate(ctx)
	case file:
		return requireCurrent(ctx, part.Ready)
	case a.settings.Data.Migrate:
		a.supervise(ctx, name, closeStore, part.Migrate)
	}
	return nil
}
