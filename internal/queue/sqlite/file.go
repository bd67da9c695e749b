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
// and another handle of this process may hold some. The link is made by [os.Link].
func createFile(path string, link func(from, to string) error) error {
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
		err = link(temp.Name(), path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		// Some file systems have no hard links.
		err = createExclusively(path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(temp.Name()))
}

// createExclusively is second best: between its two calls the file can be seen and locked.
func createExclusively(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// makePrivate denies other users access to the files. It must not run before it
// is certain that they are a queue's.
func makePrivate(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = os.Chmod(name, 0o600)
		}
		if err != nil {
			return fmt.Errorf("denying other users access (mode 0600): %w", err)
		}
	}
	return nil
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
	err := createTables(ctx, conn)
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
func openError(cfg Config, err error) error {
	return fmt.Errorf("opening the queue file %s (name another one, or make its folder writable): %w", cfg.Path, err)
}
