// Package sqlitefile opens SQLite files that only their owner may read.
package sqlitefile

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // The driver "sqlite".
)

// Create makes an empty file with mode 0600, which SQLite uses for the -wal and -shm files as
// well, and its folder (mode 0700). What is there stays as it is. It never opens the final name:
// closing a file drops all locks that the process has on it, and another handle of this process
// may hold some.
func Create(path string) error { return create(path, os.Link) }

func create(path string, link func(from, to string) error) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".sqlite-*")
	if err != nil {
		return err
	}
	if err = temp.Close(); err == nil {
		err = link(temp.Name(), path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = createExclusively(path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	return errors.Join(err, os.Remove(temp.Name()))
}

// createExclusively is second best, for file systems without hard links: between its two calls the
// file can be seen and locked.
func createExclusively(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// MakePrivate removes the permissions of other users from a file that another program made, or
// that was restored from a backup, and from those beside it. It must not run before it is certain
// that the file is ours.
func MakePrivate(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&^0o600 != 0 {
			err = os.Chmod(name, info.Mode().Perm()&0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // Another process may remove the side files.
			return fmt.Errorf("denying other users access (mode 0600): %w", err)
		}
	}
	return nil
}

// Open makes a pool of conns connections, which are kept, since opening one reads the schema. No
// connection is made before the first use. The options are those of the driver, such as _pragma.
func Open(path string, conns int, options url.Values) (*sql.DB, error) {
	// The path is part of a URI, where '?', '#' and '%' would mean something else.
	name := url.URL{Path: filepath.ToSlash(path)}
	db, err := sql.Open("sqlite", "file:"+name.EscapedPath()+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}
