// Package refusal keeps what gateways report: what they refused, by the minute and with some of the requests as samples,
// their limits, and how they and the other processes do.
package refusal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/report"
)

const (
	// Keep is how long both are kept.
	Keep = 7 * 24 * time.Hour
	// maxSamples is how many samples are kept of a gateway, handler and reason: a flood of one leaves those of others.
	maxSamples = 100
)

// ErrUnavailable means that the database can't be reached or fails.
var ErrUnavailable = errors.New("refusals unavailable")

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

// trimSamples keeps the newest samples of a gateway, handler and reason.
const trimSamples = `delete from refusal_samples where gateway = $1 and handler = $2 and reason = $3 and (at, id) <
(select at, id from refusal_samples where gateway = $1 and handler = $2 and reason = $3 order by at desc, id desc limit 1 offset $4)`

// Log keeps refusals in tables of a PostgreSQL or SQLite database.
type Log struct{ migration.Tables }

// New returns the log in a database. It does not connect. Migrate has to succeed before anything else can. The logger may
// be nil.
func New(db sqldb.DB, log *slog.Logger) *Log {
	return &Log{migration.NewTables("refusals", migrationFiles, db, log, ErrUnavailable)}
}

// Add records a report, once however often it comes. One that is too old for any question is left out. Errors are those
// of an unavailable database, and wrap [store.ErrUnavailable], too.
func (l *Log) Add(ctx context.Context, r *report.Report) error {
	if r.At.Before(time.Now().Add(-Keep)) {
		return nil
	}
	if err := l.add(ctx, r); err != nil {
		return l.Failed("recording refusals", errors.Join(store.ErrUnavailable, err))
	}
	return nil
}

func (l *Log) add(ctx context.Context, r *report.Report) error {
	tx, err := l.DB.Writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	fresh, err := sqldb.Exec(ctx, tx, `insert into refusal_reports (id, at) values ($1, $2) on conflict do nothing`, r.ID, r.At.UnixMicro())
	if err != nil || fresh == 0 {
		return err
	}
	for _, c := range r.Counts {
		if err := addCount(ctx, tx, r.At.Truncate(time.Minute), c); err != nil {
			return err
		}
	}
	for i, s := range r.Samples {
		if err := addSample(ctx, tx, r, s, r.ID+"-"+strconv.Itoa(i)); err != nil {
			return err
		}
	}
	if err := setLimits(ctx, tx, r); err != nil {
		return err
	}
	if err := setProcess(ctx, tx, r.Gateway, r.At, r.Process); err != nil {
		return err
	}
	return tx.Commit()
}

func addCount(ctx context.Context, tx *sql.Tx, minute time.Time, c report.Count) error {
	_, err := tx.ExecContext(ctx, `insert into refusals (minute, handler, reason, platform, bot, count, lumped)
values ($1, $2, $3, $4, $5, $6, $7) on conflict (minute, handler, reason, platform, bot)
do update set count = refusals.count + excluded.count, lumped = refusals.lumped + excluded.lumped`,
		minute.UnixMicro(), clean(c.Handler), clean(c.Reason), clean(c.Platform), clean(c.Bot), c.Count, c.Lumped)
	return err
}

func addSample(ctx context.Context, tx *sql.Tx, r *report.Report, s report.Sample, id string) error {
	gateway, handler, reason := clean(r.Gateway), clean(s.Handler), clean(s.Reason)
	_, err := tx.ExecContext(ctx, `insert into refusal_samples
(id, at, gateway, handler, reason, platform, bot, request_id, client, method, path, subject)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		id, s.At.UnixMicro(), gateway, handler, reason, clean(s.Platform), clean(s.Bot),
		clean(s.RequestID), clean(s.Client), clean(s.Method), clean(s.Path), clean(s.User))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, trimSamples, gateway, handler, reason, maxSamples-1)
	return err
}

// Sweep removes what is older than Keep.
func (l *Log) Sweep(ctx context.Context) error {
	before := time.Now().Add(-Keep).UnixMicro()
	for _, statement := range []string{
		`delete from refusals where minute < $1`, `delete from refusal_samples where at < $1`, `delete from refusal_reports where at < $1`,
		`delete from gateway_limits where at < $1`, `delete from processes where at < $1`,
	} {
		if _, err := sqldb.Exec(ctx, l.DB.Writer, statement, before); err != nil {
			return l.Failed("sweeping the refusals", err)
		}
	}
	return nil
}

// Erase removes the samples of a user, and who is over a limit: gateways say again who is.
func (l *Log) Erase(ctx context.Context, user string) error {
	_, err := sqldb.Exec(ctx, l.DB.Writer, `delete from refusal_samples where subject = $1`, clean(user))
	if err == nil {
		err = l.forgetOffenders(ctx)
	}
	return l.Failed("erasing refused requests of a user", err)
}
