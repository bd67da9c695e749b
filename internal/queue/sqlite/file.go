package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/botgate/botgate/internal/sqlitefile"
)

// readConns bounds the connections that read events, depths and owners.
const readConns = 4

// Open opens a queue file, which is created when it does not exist, and releases the leases
// of processes that are gone. The context bounds the opening only.
func Open(ctx context.Context, cfg Config) (*Queue, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	q := &Queue{cfg: cfg, log: cfg.Logger, consumers: map[*consumer]struct{}{}}
	if err := q.acquire(ctx); err != nil {
		return nil, errors.Join(openError(cfg, err), q.release())
	}
	if err := errors.Join(q.measure(ctx), q.reap(ctx)); err != nil {
		return nil, errors.Join(openError(cfg, err), q.release())
	}
	helperCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	q.stopHelpers = stop
	q.helpers.Go(func() { q.janitor(helperCtx) })
	q.helpers.Go(func() { q.watch(helperCtx) })
	return q, nil
}

// acquire opens everything; release undoes it, also when it failed half-way.
func (q *Queue) acquire(ctx context.Context) (err error) {
	if err := sqlitefile.Create(q.cfg.Path); err != nil {
		return err
	}
	if q.writeDB, err = openDB(q.cfg, 1, "cache_size(-32768)", "journal_size_limit(67108864)"); err != nil {
		return err
	}
	if q.reader, err = openDB(q.cfg, readConns, "query_only(1)"); err != nil {
		return err
	}
	if q.watchDB, err = openDB(q.cfg, 1, "query_only(1)"); err != nil {
		return err
	}
	if err := q.startWriter(ctx); err != nil {
		return err
	}
	if err := sqlitefile.MakePrivate(q.cfg.Path); err != nil {
		return err
	}
	if q.readEvent, err = q.reader.PrepareContext(ctx, selectLeased); err != nil {
		return err
	}
	// Only what was accepted before can have been kept.
	if err := q.reader.QueryRowContext(ctx, "SELECT next_seq FROM counters").Scan(&q.cutTo); err != nil {
		return err
	}
	if err := q.reader.QueryRowContext(ctx, "SELECT ifnull(max(n), 0) FROM requests").Scan(&q.heard); err != nil {
		return err
	}
	if q.watcher, err = q.watchDB.PrepareContext(ctx, "PRAGMA data_version"); err != nil {
		return err
	}
	return removeLeftovers(q.cfg.Path)
}

func (q *Queue) startWriter(ctx context.Context) error {
	conn, err := q.writeDB.Conn(ctx)
	if err != nil {
		return err
	}
	err = createTables(ctx, conn)
	var stmts *statements
	if err == nil {
		stmts, err = prepare(ctx, conn)
	}
	if err == nil {
		// From here on the writer itself waits for other processes.
		_, err = conn.ExecContext(ctx, "PRAGMA busy_timeout = 0")
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	q.writer = newWriter(ctx, conn, stmts, q.cfg, func(tx *transaction) { q.wake(tx.touched) })
	return nil
}

// release closes what is open. The last connection of all processes folds the log into the file.
func (q *Queue) release() error {
	var errs []error
	if q.writer != nil {
		errs = append(errs, q.writer.close())
	}
	for _, stmt := range []*sql.Stmt{q.readEvent, q.watcher} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	for _, db := range []*sql.DB{q.watchDB, q.reader, q.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the queue file %s: %w", q.cfg.Path, err)
	}
	return nil
}

// openDB opens a pool on the file.
func openDB(cfg Config, conns int, pragmas ...string) (*sql.DB, error) {
	busy := "busy_timeout(" + strconv.FormatInt(cfg.BusyTimeout.Milliseconds(), 10) + ")"
	pragmas = append(pragmas, busy, "journal_mode(wal)", "synchronous(full)", "wal_autocheckpoint(4000)")
	return sqlitefile.Open(cfg.Path, conns, url.Values{"_pragma": pragmas})
}

// openError says which file is concerned and what can be changed.
func openError(cfg Config, err error) error {
	return fmt.Errorf("opening the queue file %s (name another one, or make its folder writable): %w", cfg.Path, err)
}
