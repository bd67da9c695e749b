package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// change makes the next format of the file. One that was released stays as it is.
type change struct {
	statements string
	// minProgram is the format that a program has to know at least to work on a file with this one: its own number, or
	// a lower one where it only adds.
	minProgram int
}

// changes make the formats from 1 on.
var changes = []change{{schema, 1}}

// fileVersion is what PRAGMA user_version has: the format, 0 of an empty file, and from bit 16 on what a program has to
// know at least, 0 where that is the format itself.
type fileVersion int

const minProgramBit = 16

func (v fileVersion) format() int { return int(v) & (1<<minProgramBit - 1) }

func (v fileVersion) minProgram() int {
	if least := int(v) >> minProgramBit; least != 0 {
		return least
	}
	return v.format()
}

// versionOf is that of a file with all of the changes.
func versionOf(all []change) fileVersion {
	least := 0
	for _, c := range all {
		least = max(least, c.minProgram)
	}
	if least == len(all) {
		return fileVersion(least)
	}
	return fileVersion(least<<minProgramBit | len(all))
}

// missing returns the changes that a file lacks. It fails where the file is newer than the program, and does not say that
// such a program may work on it.
func missing(all []change, has fileVersion) ([]change, error) {
	switch {
	case has.format() <= len(all):
		return all[has.format():], nil
	case has.minProgram() <= len(all):
		return nil, nil
	}
	return nil, fmt.Errorf("it has format %d, which takes a Botgate that knows format %d, and this one knows format %d; "+
		"use the Botgate that made it, or choose another file", has.format(), has.minProgram(), len(all))
}

// createTables makes the tables of a new file, or what a file of an older Botgate lacks, in a write transaction, so that
// of two processes which open it only one does.
func createTables(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	// It fails where the transaction was committed.
	defer func() { _, _ = conn.ExecContext(ctx, "ROLLBACK") }()
	var has fileVersion
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&has); err != nil {
		return err
	}
	lacks, err := missing(changes, has)
	if err != nil || len(lacks) == 0 {
		return err
	}
	for _, c := range lacks {
		if _, err := conn.ExecContext(ctx, numbers.Replace(c.statements)); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; COMMIT", versionOf(changes)))
	return err
}
