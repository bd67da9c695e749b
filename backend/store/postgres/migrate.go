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

var migrations = migration.Load("schema", files)

// Migrate brings the schema up to date, one process at a time and all versions or
// none. It returns ErrUnavailable while the server can't be reached; any other error
// stays until an operator acts, as when the schema is newer than the program. It has
// no time limit of its own, since a migration may rewrite a large table.
func (s *Store) Migrate(ctx context.Context) error {
	err := migrations.Postgres(ctx, s.Primary(), s.log)
	switch {
	case errors.Is(err, migration.ErrSchema):
		return err
	case err != nil:
		return fmt.Errorf("migrating the database: %w", classify(err))
	}
	return nil
}
