package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/botgate/botgate/internal/sqlitefile"
)

// copyDatabase copies a file of SQLite as of one moment. Other processes read and write it meanwhile.
func copyDatabase(ctx context.Context, from, to string) (err error) {
	if err := sqlitefile.Create(to); err != nil {
		return err
	}
	db, err := sqlitefile.Open(from, 1, url.Values{"_pragma": {"busy_timeout(10000)"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return err
	}
	if err := check(ctx, to); err != nil {
		return err
	}
	return syncFile(to)
}

// check reads a copy whole, and leaves it in the mode in which the engines use it.
func check(ctx context.Context, path string) (err error) {
	db, err := sqlitefile.Open(path, 1, url.Values{"_pragma": {"journal_mode(wal)", "synchronous(full)"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("the file is damaged: %s", found)
	}
	return nil
}

// copyFile copies a file durably, for its owner only; it must not be there yet.
func copyFile(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	if err := os.MkdirAll(filepath.Dir(to), folderMode); err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Sync(), target.Close())
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// entryOf reads a file of a backup whole.
func entryOf(folder, name string) (Entry, error) {
	file, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		return Entry{}, err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	return Entry{filepath.ToSlash(name), size, hex.EncodeToString(sum.Sum(nil))}, err
}
