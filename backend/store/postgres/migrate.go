package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/botgate/botgate/backend/internal/migration"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("schema", files, "migrations")

// Migrate brings the schema up to date in one transaction, one process at a time. It returns
// [store.ErrUnavailable] while the server can't be reached; any other error, as of a schema newer
// than the program, needs an operator. It has no timeout, since a migration may rewrite a large
// table.
func (s *Store) Migrate(ctx context.Context) error {
	return schemaError("migrating the database", migrations.Apply(ctx, s.sql, s.log))
}

func schemaError(action string, err error) error {
	if err == nil || errors.Is(err, migration.ErrSchema) {
		return err
	}
	return fmt.Errorf("%s: %w", action, classify(err))
}
