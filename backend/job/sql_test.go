package job_test

import (
	"context"
	"testing"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/backend/job"
)

var tables = sqldbtest.Part[*job.SQL]{
	Name: "jobs", Unavailable: job.ErrUnavailable,
	New: func(db sqldb.DB) *job.SQL { return job.NewSQL(db, nil) },
	Read: func(ctx context.Context, e *job.SQL) error {
		_, err := e.Load(ctx, "42")
		return err
	},
}

func TestSQLTables(t *testing.T) {
	t.Parallel()
	tables.Test(t)
}

func TestSQLConformance(t *testing.T) {
	t.Parallel()
	sqldbtest.Conformance(t, tables, conformance)
}
