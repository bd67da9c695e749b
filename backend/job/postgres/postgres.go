// Package postgres keeps jobs in tables of a PostgreSQL database that others may use as well.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/internal/statement"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("jobs", files)

// sweep passes over rows that another sweep is at.
const sweep = `
with gone as (
	delete from jobs where id in (select id from jobs where finished_at <= $1 order by finished_at limit $2 for update skip locked)
	returning id),
pieces as (delete from job_parts where job in (select id from gone))
select count(*) from gone`

var _ job.Engine = (*Engine)(nil)

// Engine is a [job.Engine] in a database. It needs no end.
type Engine struct {
	pool *pgxpool.Pool
	log  *slog.Logger
}

// New returns the jobs in the database that the pool is connected to, which has to be the
// primary: jobs are read as they were just written. It does not dial. [Engine.Migrate] has to
// succeed before anything else can. The logger may be nil.
func New(pool *pgxpool.Pool, log *slog.Logger) *Engine {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Engine{pool: pool, log: log}
}

// Migrate makes the tables, or brings them up to date. It returns [job.ErrUnavailable] while the
// server can't be reached; any other error stays until an operator acts.
func (e *Engine) Migrate(ctx context.Context) error {
	err := migrations.Postgres(ctx, e.pool, e.log)
	if errors.Is(err, migration.ErrSchema) {
		return fmt.Errorf("preparing the tables of jobs: %w", err)
	}
	return failed("preparing the tables of jobs", err)
}

// failed is how everything ends that the server refuses: no job is itself the reason.
func failed(action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", action, job.ErrUnavailable, err)
}

// stamp is a time as the database has it.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func fromStamp(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// Create implements [job.Engine].
func (e *Engine) Create(ctx context.Context, j *job.Job) error {
	result, err := e.pool.Exec(ctx, statement.Create, statement.Values(j, stamp)...)
	if err == nil && result.RowsAffected() == 0 {
		return job.ErrExists
	}
	return failed("adding a job", err)
}

// Load implements [job.Engine].
func (e *Engine) Load(ctx context.Context, id string) (*job.Job, error) {
	// CollectOneRow returns the error of Query as well.
	rows, _ := e.pool.Query(ctx, statement.Load, id)
	j, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, job.ErrNotFound
	}
	return j, failed("reading a job", err)
}

func scan(row pgx.CollectableRow) (*job.Job, error) {
	j := &job.Job{}
	var parameters, result string
	var lease, wake, created, updated, finished *time.Time
	if err := row.Scan(statement.Into(j, &parameters, &result, &lease, &wake, &created, &updated, &finished)...); err != nil {
		return nil, err
	}
	j.Parameters, j.Result = statement.Bytes(parameters), statement.Bytes(result)
	j.LeaseUntil, j.WakeAt, j.FinishedAt = fromStamp(lease), fromStamp(wake), fromStamp(finished)
	j.CreatedAt, j.UpdatedAt = fromStamp(created), fromStamp(updated)
	return j, nil
}

// Store implements [job.Engine].
func (e *Engine) Store(ctx context.Context, next *job.Job, was string, parts ...job.Part) error {
	err := pgx.BeginFunc(ctx, e.pool, func(tx pgx.Tx) error {
		args := append([]any{next.ID}, append(statement.Changes(next, stamp), was)...)
		result, err := tx.Exec(ctx, statement.Replace, args...)
		if err == nil && result.RowsAffected() == 0 {
			return job.ErrConflict
		}
		for i := 0; err == nil && i < len(parts); i++ {
			_, err = tx.Exec(ctx, statement.AddPart, next.ID, next.Parts-len(parts)+i, parts[i].Ref, parts[i].Size)
		}
		return err
	})
	if errors.Is(err, job.ErrConflict) {
		return job.ErrConflict
	}
	return failed("writing a job", err)
}

// Parts implements [job.Engine].
func (e *Engine) Parts(ctx context.Context, id string, skip, limit int) ([]job.Part, error) {
	// CollectRows returns the error of Query as well.
	rows, _ := e.pool.Query(ctx, statement.Parts, id, skip, limit)
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[job.Part])
	return parts, failed("reading the parts of a file", err)
}

func (e *Engine) list(ctx context.Context, query string, args ...any) ([]*job.Job, error) {
	// As above.
	rows, _ := e.pool.Query(ctx, query, args...)
	jobs, err := pgx.CollectRows(rows, scan)
	return jobs, failed("listing jobs", err)
}

// List implements [job.Engine].
func (e *Engine) List(ctx context.Context, q job.Query) ([]*job.Job, error) {
	after := q.After.OrNewest()
	return e.list(ctx, statement.List, string(q.Status), q.Bot, after.CreatedAt, after.ID, q.Limit)
}

// Due implements [job.Engine].
func (e *Engine) Due(ctx context.Context, at time.Time, limit int) ([]*job.Job, error) {
	return e.list(ctx, statement.Due, at, limit)
}

// Sweep implements [job.Engine].
func (e *Engine) Sweep(ctx context.Context, at time.Time, limit int) (n int, err error) {
	err = e.pool.QueryRow(ctx, sweep, at, limit).Scan(&n)
	return n, failed("sweeping jobs", err)
}

// Ready implements [job.Engine].
func (e *Engine) Ready(ctx context.Context) error {
	pending, err := migrations.PostgresPending(ctx, e.pool)
	switch {
	case errors.Is(err, migration.ErrSchema):
		return err
	case err != nil:
		return failed("reading the version of the tables of jobs", err)
	case len(pending) > 0:
		return fmt.Errorf("%w: their tables are not made yet", job.ErrUnavailable)
	}
	return nil
}
