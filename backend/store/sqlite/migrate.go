package sqlite

import (
	"context"
	"embed"
	"errors"

	"github.com/botgate/botgate/backend/internal/migration"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("schema", files)

func (s *Store) migrate(ctx context.Context) error {
	err := migrations.SQLite(ctx, s.writer)
	if err == nil || errors.Is(err, migration.ErrSchema) {
		return err
	}
	return classify(err)
}
