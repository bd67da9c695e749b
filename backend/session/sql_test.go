package session_test

import (
	"context"
	"testing"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/internal/sqldb/sqldbtest"
	"github.com/botgate/botgate/backend/session"
)

var tables = sqldbtest.Part[*session.SQL]{
	Name: "sessions", Unavailable: session.ErrUnavailable,
	New: func(db sqldb.DB) *session.SQL { return session.NewSQL(db, nil) },
	Read: func(ctx context.Context, e *session.SQL) error {
		_, err := e.Bots(ctx, "42")
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
