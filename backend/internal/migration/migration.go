// Package migration brings the tables of a part of the backend up to date: embedded SQL files,
// applied in order, under a lock, and checked by their checksums. Several parts may share a
// database.
package migration

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// ErrSchema means that the schema of the database is not one that this program can use
// or bring up to date. A retry does not help.
var ErrSchema = errors.New("wrong schema")

// Migration is one schema version.
type Migration struct {
	// Version counts from 1, without gaps.
	Version int
	// Name is the file's name.
	Name string
	// SQL is one or more statements.
	SQL string
	// Checksum is the SHA-256 of SQL in hex. A migration never changes once released.
	Checksum string
}

// Set is the schema versions of one part.
type Set struct {
	// table lists the applied ones in a database.
	table string
	all   []Migration
}

// Load reads the folder's files NNNN_name.sql in order. The table part_migrations of a database
// lists the applied ones. The files are part of the program, so it panics when they are not
// numbered from 1 without gaps.
func Load(part string, files fs.FS, folder string) Set {
	names, err := fs.Glob(files, folder+"/*.sql")
	if err != nil || len(names) == 0 {
		panic("migration: no files")
	}
	all := make([]Migration, 0, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			panic("migration: " + err.Error())
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		if version, err := strconv.Atoi(number); err != nil || version != i+1 {
			panic("migration: " + name + " is out of order")
		}
		sum := sha256.Sum256(text)
		all = append(all, Migration{i + 1, path.Base(name), string(text), hex.EncodeToString(sum[:])})
	}
	return Set{table: part + "_migrations", all: all}
}

// pending returns the migrations that a database with the applied ones (checksums by
// version) still needs. It fails when the database is newer than the program, or was
// made by other migrations. All of its errors are ErrSchema.
func (s Set) pending(applied map[int]string) ([]Migration, error) {
	for version := range applied {
		if version > len(s.all) {
			return nil, fmt.Errorf("%w: the database has schema version %d, newer than this program, which knows up to %d: run the newer program, or use another database", ErrSchema, version, len(s.all))
		}
	}
	var pending []Migration
	for _, m := range s.all {
		checksum, done := applied[m.Version]
		switch {
		case !done:
			pending = append(pending, m)
		case checksum != m.Checksum:
			return nil, fmt.Errorf("%w: version %d of the database differs from %s of this program: run the program that made it, or use another database", ErrSchema, m.Version, m.Name)
		case len(pending) > 0:
			return nil, fmt.Errorf("%w: version %d is missing in the database before version %d: use another database", ErrSchema, pending[0].Version, m.Version)
		}
	}
	return pending, nil
}
