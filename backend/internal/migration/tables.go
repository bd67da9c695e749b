package migration

import (
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

	part        string
	all         []version
	unavailable error
	log         *slog.Logger
}

// NewTables reads the files NNNN_name.sql of the database's dialect, in migrations/postgres or
// migrations/sqlite. It does not connect. The table <part>_migrations of the database lists the
// applied ones. Every failure of the database wraps the error unavailable. The logger may be nil.
func NewTables(part string, files fs.FS, db sqldb.DB, log *slog.Logger, unavailable error) Tables {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return Tables{db, part, load(files, "migrations/"+string(db.Dialect)), unavailable, log}
}

// Failed wraps an error of the database: no row is itself the reason. It passes nil.
func (t Tables) Failed(action string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errSchema):
		return fmt.Errorf("%s: %w", action, err)
	}
	return fmt.Errorf("%s: %w: %w", action, t.unavailable, err)
}
