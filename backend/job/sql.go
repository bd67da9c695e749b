package job

import (
	"context"
	"database/sql"
	"embed"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
)

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

// changing are the columns that Store writes, fixed those that only Create does.
const (
	changing = `parameters, status, cancel_asked, done, total, checkpoint, parts, result, error,
	tries, crashes, owner, lease_until, due_at, updated_at, finished_at, version`
	fixed   = `id, kind, bot, created_at, asked_by, trace_parent`
	columns = changing + `, ` + fixed
)

// changes are the values of the columns changing.
func changes(j *Job) []any {
	return []any{
		string(j.Parameters), string(j.Status), j.CancelAsked, j.Done, j.Total, j.Checkpoint, j.Parts, string(j.Result), j.Error,
		j.Tries, j.Crashes, j.Owner, micros(j.LeaseUntil), micros(j.DueAt),
		micros(j.UpdatedAt), micros(j.FinishedAt), j.Version,
	}
}

// newest is the beginning of a list: no job is from then.
var newest = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

var _ Engine = (*SQL)(nil)

// SQL is an [Engine] in tables of a PostgreSQL or SQLite database.
type SQL struct{ migration.Tables }

// NewSQL returns the jobs in a database. It does not connect. Migrate has to succeed before
// anything else can. The logger may be nil.
func NewSQL(db sqldb.DB, log *slog.Logger) *SQL {
	return &SQL{migration.NewTables("jobs", migrationFiles, db, log, ErrUnavailable)}
}

// micros is a time as the database keeps it; the zero time is null.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// Create implements [Engine].
func (e *SQL) Create(ctx context.Context, j *Job) error {
	n, err := sqldb.Exec(ctx, e.DB.Writer, `insert into jobs (`+columns+`)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
on conflict (id) do nothing`, append(changes(j),
		j.ID, j.Kind, j.Bot, micros(j.CreatedAt), j.AskedBy, j.TraceParent)...)
	if err == nil && n == 0 {
		return ErrExists
	}
	return e.Failed("adding a job", err)
}

// Load implements [Engine].
func (e *SQL) Load(ctx context.Context, id string) (*Job, error) {
	jobs, err := sqldb.Query(ctx, e.DB.Reader, scan, `select `+columns+` from jobs where id = $1`, id)
	switch {
	case err != nil:
		return nil, e.Failed("reading a job", err)
	case len(jobs) == 0:
		return nil, ErrNotFound
	}
	return jobs[0], nil
}

func scan(rows *sql.Rows) (*Job, error) {
	j := &Job{}
	var lease, due, created, updated, finished sql.NullInt64
	err := rows.Scan((*[]byte)(&j.Parameters), &j.Status, &j.CancelAsked, &j.Done, &j.Total, &j.Checkpoint, &j.Parts,
		(*[]byte)(&j.Result), &j.Error, &j.Tries, &j.Crashes, &j.Owner, &lease, &due, &updated, &finished, &j.Version,
		&j.ID, &j.Kind, &j.Bot, &created, &j.AskedBy, &j.TraceParent)
	if len(j.Result) == 0 {
		j.Result = nil
	}
	for n, into := range map[*sql.NullInt64]*time.Time{
		&lease: &j.LeaseUntil, &due: &j.DueAt, &created: &j.CreatedAt, &updated: &j.UpdatedAt, &finished: &j.FinishedAt,
	} {
		if n.Valid {
			*into = time.UnixMicro(n.Int64).UTC()
		}
	}
	return j, err
}

// Store implements [Engine].
func (e *SQL) Store(ctx context.Context, next *Job, was string, parts ...Part) error {
	tx, err := e.DB.Writer.BeginTx(ctx, nil)
	if err != nil {
		return e.Failed("writing a job", err)
	}
	defer func() { _ = tx.Rollback() }()
	n, err := sqldb.Exec(ctx, tx, `
update jobs set (`+changing+`) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
where id = $18 and version = $19`, append(changes(next), next.ID, was)...)
	if err == nil && n == 0 {
		return ErrConflict
	}
	for i := 0; err == nil && i < len(parts); i++ {
		_, err = tx.ExecContext(ctx, `insert into job_parts (job, number, ref, size) values ($1, $2, $3, $4)`,
			next.ID, next.Parts-len(parts)+i, parts[i].Ref, parts[i].Size)
	}
	if err == nil {
		err = tx.Commit()
	}
	return e.Failed("writing a job", err)
}

// Parts implements [Engine].
func (e *SQL) Parts(ctx context.Context, id string, skip, limit int) ([]Part, error) {
	parts, err := sqldb.Query(ctx, e.DB.Reader, func(rows *sql.Rows) (p Part, err error) {
		err = rows.Scan(&p.Ref, &p.Size)
		return p, err
	}, `select ref, size from job_parts where job = $1 and number >= $2 order by number limit $3`, id, skip, limit)
	return parts, e.Failed("reading the parts of a file", err)
}

// List implements [Engine].
func (e *SQL) List(ctx context.Context, q Query) ([]*Job, error) {
	after := q.After
	if after == (store.Position{}) {
		after.Time = newest
	}
	jobs, err := sqldb.Query(ctx, e.DB.Reader, scan, `select `+columns+` from jobs
where ($1 = '' or status = $1) and ($2 = '' or bot = $2) and (created_at, id) < ($3, $4)
order by created_at desc, id desc limit $5`, string(q.Status), q.Bot, micros(after.Time), after.ID, q.Limit)
	return jobs, e.Failed("listing jobs", err)
}

// Changed implements [Engine].
func (e *SQL) Changed(ctx context.Context, since time.Time, limit int) ([]*Job, error) {
	jobs, err := sqldb.Query(ctx, e.DB.Reader, scan,
		`select `+columns+` from jobs where updated_at >= $1 order by updated_at desc limit $2`, micros(since), limit)
	return jobs, e.Failed("listing jobs that changed", err)
}

// Due implements [Engine].
func (e *SQL) Due(ctx context.Context, at time.Time, limit int) ([]*Job, error) {
	jobs, err := sqldb.Query(ctx, e.DB.Reader, scan,
		`select `+columns+` from jobs where due_at <= $1 order by due_at limit $2`, micros(at), limit)
	return jobs, e.Failed("listing jobs that are due", err)
}

// Sweep implements [Engine]. The parts go with their job.
func (e *SQL) Sweep(ctx context.Context, at time.Time, limit int) (int, error) {
	n, err := sqldb.Exec(ctx, e.DB.Writer, `
delete from jobs where id in (
	select id from jobs where finished_at <= $1 order by finished_at limit $2`+e.DB.Dialect.SkipLocked()+`)`, micros(at), limit)
	return n, e.Failed("sweeping jobs", err)
}
