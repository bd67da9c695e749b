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

// errSchema means that the schema of the database is not one that this program can use
// or bring up to date. A retry does not help.
var errSchema = errors.New("wrong schema")

// version is one version of the tables, counted from 1.
type version struct {
	// number is the version's, name its file's, and sql one or more statements.
	number    int
	name, sql string
	// checksum is the SHA-256 of sql in hex. A migration never changes once released.
	checksum string
}

// load reads the files NNNN_name.sql of a folder in order. They are part of the program, so it
// panics when they are not numbered from 1 without gaps.
func load(files fs.FS, folder string) []version {
	names, err := fs.Glob(files, folder+"/*.sql")
	if err != nil || len(names) == 0 {
		panic("migration: no files in " + folder)
	}
	all := make([]version, 0, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			panic("migration: " + err.Error())
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			panic("migration: " + name + " is out of order")
		}
		sum := sha256.Sum256(text)
		all = append(all, version{i + 1, path.Base(name), string(text), hex.EncodeToString(sum[:])})
	}
	return all
}

// missing returns those of all versions that a database with the applied ones (checksums by
// number) still needs. It fails when the database is newer than the program, or was made by other
// migrations. All of its errors are errSchema.
func missing(all []version, applied map[int]string) ([]version, error) {
	for number := range applied {
		if number > len(all) {
			return nil, fmt.Errorf("%w: the database has schema version %d, newer than this program, which knows up to %d: "+
				"run the newer program, or use another database", errSchema, number, len(all))
		}
	}
	var pending []version
	for _, v := range all {
		checksum, done := applied[v.number]
		switch {
		case !done:
			pending = append(pending, v)
		case checksum != v.checksum:
			return nil, fmt.Errorf("%w: version %d of the database differs from %s of this program: "+
				"run the program that made it, or use another database", errSchema, v.number, v.name)
		case len(pending) > 0:
			return nil, fmt.Errorf("%w: version %d is missing in the database before version %d: use another database",
				errSchema, pending[0].number, v.number)
		}
	}
	return pending, nil
}
