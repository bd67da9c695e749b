package sqlite

import (
	"context"
	sqldriver "database/sql/driver"
	"embed"
	"errors"
	"time"

	driver "modernc.org/sqlite"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/internal/event"
)

// migrationTimeout bounds the wait for the file, and the copying of a large log.
const migrationTimeout = time.Hour

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("schema", files)

func init() {
	// Migration 0003 needs it: the versions before did not keep buckets.
	driver.MustRegisterDeterministicScalarFunction("bucket_of_id", 1,
		func(_ *driver.FunctionContext, args []sqldriver.Value) (sqldriver.Value, error) {
			id, _ := args[0].(string)
			return int64(event.BucketOfID(id)), nil
		})
}

func (s *Store) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrationTimeout)
	defer cancel()
	err := migrations.SQLite(ctx, s.writer)
	if err == nil || errors.Is(err, migration.ErrSchema) {
		return err
	}
	return classify(err)
}
