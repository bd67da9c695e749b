package sqlite

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
)

// migrationTimeout bounds the wait for a file that another process holds locked.
const migrationTimeout = time.Hour

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("schema", files, "migrations")

func (s *Store) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	err := migrations.Apply(ctx, s.SQL(), slog.New(slog.DiscardHandler))
	if err == nil || errors.Is(err, migration.ErrSchema) {
		return err
	}
	return classify(err)
}
