package migration

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/internal/sqldb"
)

func TestLocks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sql  string
		want []Lock
	}{
		"new tables":          {"create table a (x int); create index a_x on a (x); insert into a select 1 from a", nil},
		"a remark":            {"-- update log; set\nselect 1", nil},
		"a column":            {"alter table log add column x integer", []Lock{{Table: "log", Waits: allWait}}},
		"a column's type":     {"ALTER TABLE log\nALTER COLUMN x TYPE bigint", []Lock{{Table: "log", Waits: allWait, all: true}}},
		"an index":            {"create unique index log_x on log (x);", []Lock{{Table: "log", Waits: writesWait, all: true}}},
		"rows":                {"update log set x = 1; delete from log where x = 2", []Lock{{Table: "log", Waits: rowsWait, all: true}}},
		"a copy":              {"create table b (x int); insert into b select x from log", []Lock{{Table: "log", Waits: rowsWait, all: true}}},
		"of an earlier one":   {"update earlier set x = 1", nil},
		"a table that is not": {"drop table log", []Lock{{Table: "log", Waits: allWait}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, locks(sqldb.Postgres, tc.sql, map[string]bool{"earlier": true}))
			for _, l := range locks(sqldb.SQLite, tc.sql, map[string]bool{"earlier": true}) {
				require.Equal(t, fileWaits, l.Waits)
			}
		})
	}
}
