package sqlite

import (
	"context"
	"embed"
	"errors"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
)

// migrationTimeout bounds the wait for a file that another process holds locked.
const migrationTimeout = time.Hour

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("schema", files)

func (s *Store) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	err := migrations.SQLite(ctx, s.writer)
	if err == nil || errors.Is(err, migration.ErrSchema) {
		return err
	}
	return classify(err)
}
