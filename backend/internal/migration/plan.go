package migration

import (
	"context"
	"database/sql"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
)

// rowsPerSecond is what a migration goes through at least on a small server; a rough figure.
const rowsPerSecond = 50_000

// Step is a migration that a database lacks.
type Step struct {
	// Part is whose tables it changes, such as "events".
	Part string
	// Version is the schema version that it makes, and Name its file's.
	Version int
	Name    string
	// MinProgram is the schema version that programs have to know at least to run on it.
	MinProgram int
	// Locks are what others wait for meanwhile; none where it only makes tables.
	Locks []Lock
}

// Takes estimates how long the step locks what it does.
func (s Step) Takes() (d time.Duration) {
	for _, l := range s.Locks {
		d += time.Duration(l.Rows) * time.Second / rowsPerSecond
	}
	return d
}

// Plan returns what Migrate would do, in order, and changes nothing.
func (t Tables) Plan(ctx context.Context) ([]Step, error) {
	pending, err := t.pending(ctx, t.DB.Reader)
	if err != nil {
		return nil, t.Failed("reading the schema version of the "+t.part, err)
	}
	steps, isNew := make([]Step, 0, len(pending)), map[string]bool{}
	for _, v := range pending {
		step := Step{t.part, v.number, v.name, v.minProgram, locks(t.DB.Dialect, v.sql, isNew)}
		for i, l := range step.Locks {
			if !l.all {
				continue
			}
			if step.Locks[i].Rows, err = t.rows(ctx, l.Table); err != nil {
				return nil, t.Failed("counting the rows of "+l.Table, err)
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// rows returns about how many rows a table has: of PostgreSQL what it last noted, with partitions.
func (t Tables) rows(ctx context.Context, table string) (int64, error) {
	query := "select count(*) from " + table
	if t.DB.Dialect == sqldb.Postgres {
		query = `select coalesce(sum(greatest(reltuples, 0)), 0)::bigint from pg_class
where oid = to_regclass('` + table + `') or oid in (select inhrelid from pg_inherits where inhparent = to_regclass('` + table + `'))`
	}
	counts, err := sqldb.Query(ctx, t.DB.Reader, func(rows *sql.Rows) (n int64, err error) {
		err = rows.Scan(&n)
		return n, err
	}, query)
	if err != nil {
		return 0, err
	}
	return counts[0], nil
}
