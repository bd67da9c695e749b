package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	_ "modernc.org/sqlite" // The driver "sqlite".
)

// createFile makes an empty file with mode 0600, where there is none, and its folder. It
// never opens the final name: closing a file drops all locks that the process has on it,
// and another handle of this process may hold some.
func createFile(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".queue-*")
	if err != nil {
		return err
	}
	err = temp.Close()
	if err == nil {
		err = os.Link(temp.Name(), path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(temp.Name()))
}

// openDB opens a pool on the file. No connection is made before the first use.
func openDB(cfg Config, conns int, pragmas ...string) (*sql.DB, error) {
	query := url.Values{"_pragma": append([]string{
		"busy_timeout(" + strconv.FormatInt(cfg.BusyTimeout.Milliseconds(), 10) + ")",
		"journal_mode(wal)",
		"synchronous(full)",
	}, pragmas...)}
	name := url.URL{Path: filepath.ToSlash(cfg.Path)}
	db, err := sql.Open("sqlite", "file:"+name.EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// prepareFile creates the file and its tables.
func prepareFile(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := migrate(ctx, conn)
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, rollback := conn.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, rollback)
	}
	return nil
}

// openError says which file is concerned and what can be changed.
func openError(path string, err error) error {
	return fmt.Errorf("opening the queue file %s (set BOTGATE_QUEUE_URL to another one, or make its folder writable): %w", path, err)
}
