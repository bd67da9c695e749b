// Package sqlite keeps events in a SQLite file, without a server. Commits are synced to disk, and
// several processes may share the file.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/slowsql"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
	"github.com/botgate/botgate/internal/sqlitefile"
)

const (
	// callTimeout bounds every call, together with the caller's context.
	callTimeout = 30 * time.Second
	// migrationTimeout bounds the wait for a file that another process holds locked.
	migrationTimeout = time.Hour
	// readers bounds the connections for reads.
	readers = 4
)

// Waiting for the lock of another process does not end with the context, so it is short. A batch
// touches pages all over the indexes: a cache of 32 MB keeps it from spilling before the commit, and a
// WAL of 16 MB has fewer checkpoints.
var (
	writerOptions = url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(2000)", "journal_mode(WAL)", "synchronous(FULL)",
		"cache_size(-32768)", "wal_autocheckpoint(4096)", "journal_size_limit(67108864)",
	}}
	readerOptions = url.Values{"_pragma": {"busy_timeout(2000)", "query_only(1)"}}
)

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

var (
	_ store.Store      = (*Store)(nil)
	_ store.Maintainer = (*Store)(nil)
)

// Config says where the events are.
type Config struct {
	// Name is the shard's, for the log. Default "main".
	Name string
	// Path is the file; it and its folder are created when missing, for this user
	// only, and a file with wider permissions is given 0600. Required.
	Path string
	// SlowStatement is how long a statement may take that is not in the log. Default: none is.
	SlowStatement time.Duration
	// Logger gets what an operator should know. Default: discard.
	Logger *slog.Logger
}

type base = sqlstore.Base

// Store is a [store.Store] in a file.
type Store struct {
	base
	path string
	slow *slowsql.Log
	// SQLite has one writer at a time; in a pool of one connection the others wait in order and
	// without polling.
	writer *sql.DB
	reader *sql.DB
	// prepared are the statements of Append, by their text.
	prepared map[string]*sql.Stmt
}

// Open opens the file and brings its schema up to date. Errors name
// the file.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg.Logger = cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler))
	log := cfg.Logger.With("shard", cmp.Or(cfg.Name, "main"))
	s, err := open(ctx, cfg.Path, slowsql.New(log, cfg.SlowStatement))
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", cfg.Path, err)
	}
	return s, nil
}

func open(ctx context.Context, path string, slow *slowsql.Log) (*Store, error) {
	if err := sqlitefile.Create(path); err != nil {
		return nil, err
	}
	writer, err := sqlitefile.Open(path, 1, writerOptions)
	if err != nil {
		return nil, err
	}
	reader, err := sqlitefile.Open(path, readers, readerOptions)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	s := &Store{path: path, slow: slow, writer: writer, reader: reader, prepared: map[string]*sql.Stmt{}}
	s.base = base{
		Read: s.read, Exclusively: s.forEach, Classify: classify,
		SelectTime: selectTime, SelectRows: selectRows, Page: readPage, EdgeQuery: edgeQuery, CountQuery: countQuery, LogQuery: logQuery, Step: step,
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context) (err error) {
	migrating, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	if err := Tables(s.SQL()).Migrate(migrating); err != nil {
		return err
	}
	if err := sqlitefile.MakePrivate(s.path); err != nil {
		return err
	}
	ctx, cancel = bounded(ctx)
	defer cancel()
	for _, query := range appendStatements {
		if s.prepared[query], err = s.writer.PrepareContext(ctx, query); err != nil { //nolint:sqlclosecheck // Closed with the connection.
			return classify(err)
		}
	}
	return nil
}

// View opens the file as it is, to read; one that is not there is empty. Whoever called it closes the
// Reader, which is all that there is.
func View(path string) (sqldb.DB, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = ":memory:"
	}
	reader, err := sqlitefile.Open(path, 1, readerOptions)
	return sqldb.DB{Dialect: sqldb.SQLite, Reader: reader}, err
}

// Tables are those of the events in a database.
func Tables(db sqldb.DB) migration.Tables {
	return migration.NewTables("events", migrationFiles, db, nil, store.ErrUnavailable)
}

// Ready implements [store.Store].
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	var one int
	if err := s.reader.QueryRowContext(ctx, "select count(*) from (select 1 from events limit 1)").Scan(&one); err != nil {
		return fmt.Errorf("reading the database: %w", classify(err))
	}
	return nil
}

// Close implements [store.Store]. It is safe to call twice.
func (s *Store) Close() error { return errors.Join(s.reader.Close(), s.writer.Close()) }

// SQL returns the pools of the file, for other parts of the backend that keep tables there: two
// writers with a pool each would wait for one another by polling.
func (s *Store) SQL() sqldb.DB {
	return sqldb.DB{Dialect: sqldb.SQLite, Writer: s.writer, Reader: s.reader}
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout)
}
