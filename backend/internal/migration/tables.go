package migration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/botgate/botgate/backend/internal/sqldb"
)

// Tables are the tables of one part of the backend in the database of a store. They have no
// connections of their own, so there is nothing to close.
type Tables struct {
	DB sqldb.DB

	set         Set
	part        string
	unavailable error
	log         *slog.Logger
}

// NewTables loads the migrations of the database's dialect, in migrations/postgres or
// migrations/sqlite. It does not connect. Every failure of the database wraps the error
// unavailable. The logger may be nil.
func NewTables(part string, files fs.FS, db sqldb.DB, log *slog.Logger, unavailable error) Tables {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return Tables{db, Load(part, files, "migrations/"+string(db.Dialect)), part, unavailable, log}
}

// Migrate makes the tables, or brings them up to date. It has to succeed before anything else
// can. An error that is not of the database, ErrSchema, stays until an operator acts.
func (t Tables) Migrate(ctx context.Context) error {
	return t.Failed("preparing the tables of the "+t.part, t.set.Apply(ctx, t.DB, t.log))
}

// Ready returns nil when the tables are up to date.
func (t Tables) Ready(ctx context.Context) error {
	return t.Failed("reading the schema version of the "+t.part, t.set.Check(ctx, t.DB))
}

// Failed wraps an error of the database: no row is itself the reason. It passes nil.
func (t Tables) Failed(action string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrSchema):
		return fmt.Errorf("%s: %w", action, err)
	}
	return fmt.Errorf("%s: %w: %w", action, t.unavailable, err)
}
