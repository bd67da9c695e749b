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
	"regexp"
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
	// minProgram is the version that a program has to know at least to run on this one.
	minProgram int
	// checksum is the SHA-256 of sql in hex. A migration never changes once released.
	checksum string
}

// header is the line of a migration that says which programs may still run on it. Without one only
// those that know the migration may.
var header = regexp.MustCompile(`(?m)^-- min_program: (\d+)$`)

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
		minProgram := i + 1
		if found := header.FindSubmatch(text); found != nil {
			minProgram, err = strconv.Atoi(string(found[1]))
			if err != nil || minProgram < 1 || minProgram > i+1 {
				panic("migration: " + name + " has no min_program from 1 to its own version")
			}
		}
		sum := sha256.Sum256(text)
		all = append(all, version{i + 1, path.Base(name), string(text), minProgram, hex.EncodeToString(sum[:])})
	}
	return all
}

// applied is a version that a database has.
type applied struct {
	number   int
	checksum string
	// minProgram is the version's.
	minProgram int
}

// missing returns those of all versions that a database with the applied ones still needs. It
// fails when the database is too new for the program, or was made by other migrations. All of its
// errors are errSchema.
func missing(all []version, has []applied) ([]version, error) {
	checksums, newest := map[int]string{}, 0
	for _, a := range has {
		checksums[a.number], newest = a.checksum, max(newest, a.number)
		if a.number > len(all) && a.minProgram > len(all) {
			return nil, fmt.Errorf("%w: the database has schema version %d, newer than this program, which knows up to %d and "+
				"would have to know %d: run the newer program, or use another database", errSchema, a.number, len(all), a.minProgram)
		}
	}
	var pending []version
	for _, v := range all {
		checksum, done := checksums[v.number]
		switch {
		case done && checksum != v.checksum:
			return nil, fmt.Errorf("%w: version %d of the database differs from %s of this program: "+
				"run the program that made it, or use another database", errSchema, v.number, v.name)
		case !done && v.number < newest:
			return nil, fmt.Errorf("%w: version %d is missing in the database before version %d: use another database",
				errSchema, v.number, newest)
		case !done:
			pending = append(pending, v)
		}
	}
	return pending, nil
}
