// Package sqlite keeps jobs in tables of a SQLite file that others may use as well.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/internal/statement"
)

//go:embed migrations/*.sql
var files embed.FS

var migrations = migration.Load("jobs", files)

var _ job.Engine = (*Engine)(nil)

// Engine is a [job.Engine] in a file. It has no connections of its own and needs no end.
type Engine struct{ writer, reader *sql.DB }

// New makes the tables, or brings them up to date. The writer is a pool of one connection whose
// transactions start as a writer's (_txlock=immediate); the reader may be the same. An error
// is that of another program's tables, or [job.ErrUnavailable].
func New(ctx context.Context, writer, reader *sql.DB) (*Engine, error) {
	err := migrations.SQLite(ctx, writer)
	switch {
	case errors.Is(err, migration.ErrSchema):
		return nil, fmt.Errorf("preparing the tables of jobs: %w", err)
	case err != nil:
		return nil, failed("preparing the tables of jobs", err)
	}
	return &Engine{writer: writer, reader: reader}, nil
}

// failed is how everything ends that SQLite refuses: no job is itself the reason.
func failed(action string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %w", action, job.ErrUnavailable, err)
}

// micros is a time as the file has it.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
}

// Create implements [job.Engine].
func (e *Engine) Create(ctx context.Context, j *job.Job) error {
	n, err := affected(e.writer.ExecContext(ctx, statement.Create, statement.Values(j, micros)...))
	if err == nil && n == 0 {
		return job.ErrExists
	}
	return failed("adding a job", err)
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Load implements [job.Engine].
func (e *Engine) Load(ctx context.Context, id string) (*job.Job, error) {
	j, err := scan(e.reader.QueryRowContext(ctx, statement.Load, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, job.ErrNotFound
	}
	return j, failed("reading a job", err)
}

func scan(row interface{ Scan(...any) error }) (*job.Job, error) {
	j := &job.Job{}
	var parameters, result string
	var lease, wake, created, updated, finished sql.NullInt64
	if err := row.Scan(statement.Into(j, &parameters, &result, &lease, &wake, &created, &updated, &finished)...); err != nil {
		return nil, err
	}
	j.Parameters, j.Result = statement.Bytes(parameters), statement.Bytes(result)
	j.LeaseUntil, j.WakeAt, j.FinishedAt = fromMicros(lease), fromMicros(wake), fromMicros(finished)
	j.CreatedAt, j.UpdatedAt = fromMicros(created), fromMicros(updated)
	return j, nil
}

// Store implements [job.Engine].
func (e *Engine) Store(ctx context.Context, next *job.Job, was string, parts ...job.Part) error {
	return e.write(ctx, "writing a job", func(tx *sql.Tx) error {
		args := append([]any{next.ID}, append(statement.Changes(next, micros), was)...)
		n, err := affected(tx.ExecContext(ctx, statement.Replace, args...))
		if err == nil && n == 0 {
			return job.ErrConflict
		}
		for i := 0; err == nil && i < len(parts); i++ {
			_, err = tx.ExecContext(ctx, statement.AddPart, next.ID, next.Parts-len(parts)+i, parts[i].Ref, parts[i].Size)
		}
		return err
	})
}

// write makes a transaction of what f does.
func (e *Engine) write(ctx context.Context, action string, f func(*sql.Tx) error) error {
	tx, err := e.writer.BeginTx(ctx, nil)
	if err != nil {
		return failed(action, err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := f(tx); err != nil {
		if errors.Is(err, job.ErrConflict) {
			return err
		}
		return failed(action, err)
	}
	return failed(action, tx.Commit())
}

// Parts implements [job.Engine].
func (e *Engine) Parts(ctx context.Context, id string, skip, limit int) (parts []job.Part, err error) {
	err = e.each(ctx, "reading the parts of a file", func(rows *sql.Rows) error {
		var p job.Part
		err := rows.Scan(&p.Ref, &p.Size)
		parts = append(parts, p)
		return err
	}, statement.Parts, id, skip, limit)
	return parts, err
}

// each calls f for each row.
func (e *Engine) each(ctx context.Context, action string, f func(*sql.Rows) error, query string, args ...any) error {
	rows, err := e.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return failed(action, err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return failed(action, err)
		}
	}
	return failed(action, rows.Err())
}

func (e *Engine) list(ctx context.Context, query string, args ...any) (jobs []*job.Job, err error) {
	err = e.each(ctx, "listing jobs", func(rows *sql.Rows) error {
		j, err := scan(rows)
		jobs = append(jobs, j)
		return err
	}, query, args...)
	return jobs, err
}

// List implements [job.Engine].
func (e *Engine) List(ctx context.Context, q job.Query) ([]*job.Job, error) {
	after := q.After.OrNewest()
	return e.list(ctx, statement.List, string(q.Status), q.Bot, micros(after.CreatedAt), after.ID, q.Limit)
}

// Due implements [job.Engine].
func (e *Engine) Due(ctx context.Context, at time.Time, limit int) ([]*job.Job, error) {
	return e.list(ctx, statement.Due, micros(at), limit)
}

// Sweep implements [job.Engine].
func (e *Engine) Sweep(ctx context.Context, at time.Time, limit int) (int, error) {
	var ids []string
	err := e.each(ctx, "sweeping jobs", func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, statement.Over, micros(at), limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	err = e.write(ctx, "sweeping jobs", func(tx *sql.Tx) error {
		for _, id := range ids {
			for _, query := range []string{statement.RemoveParts, statement.Remove} {
				if _, err := tx.ExecContext(ctx, query, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(ids), nil
}

// Ready implements [job.Engine].
func (e *Engine) Ready(ctx context.Context) error {
	var n int
	return failed("reading jobs", e.reader.QueryRowContext(ctx, statement.Ready).Scan(&n))
}
