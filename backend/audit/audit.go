// Package audit keeps who changed what through the API: one entry before a change, and one with its outcome. Entries are
// added and, when they are old, removed; nothing changes them.
package audit

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// Keep is how long entries are kept.
const Keep = 400 * 24 * time.Hour

// ErrUnavailable means that the database can't be reached or fails.
var ErrUnavailable = errors.New("audit unavailable")

// Phase is the part of a change that an entry is about.
type Phase string

// The phases.
const (
	// Asked is before the change: it may have been made, also where no answer follows.
	Asked Phase = "asked"
	// Answered is after it.
	Answered Phase = "answered"
)

// Entry says that somebody asked for a change, or how it was answered.
type Entry struct {
	// ID and At are set by [Log.Append].
	ID    string    `json:"-"`
	At    time.Time `json:"at"`
	Phase Phase     `json:"phase"`
	// RequestID is that of the request, which both of its entries have.
	RequestID string `json:"requestid"`
	// Issuer is that of the user's token, and Session the token's id or that of a session of the console; empty where
	// the gateway does not say.
	Issuer  string `json:"issuer,omitempty"`
	Session string `json:"session,omitempty"`
	// Address is that from which the gateway was asked; empty where it does not say.
	Address string `json:"address,omitempty"`
	// By is the user whom the gateway names; empty for who asked the API itself.
	By string `json:"by,omitempty"`
	// Bot is the one that the caller was restricted to; empty for none.
	Bot string `json:"bot,omitempty"`
	// Action is the route, such as "POST /v1/dead/replay".
	Action string `json:"action"`
	// Target is the path with its query. In the place of names of users are their hashes.
	Target string `json:"target"`
	// Status is that of the answer; 0 before it, and where it broke off.
	Status int `json:"status,omitempty"`
	// Job is the id of the job that makes the change; empty for none.
	Job string `json:"job,omitempty"`
}

// Position is where the entry stands in a list.
func (e Entry) Position() store.Position { return store.Position{Time: e.At, ID: e.ID} }

// Query chooses entries, newest first. Empty fields do not filter.
type Query struct {
	By, Bot, Action string
	// From and To bound when: From is included, To is not.
	From, To time.Time
	// Limit is how many are wanted.
	Limit int
	// After continues behind a position.
	After store.Position
}

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

// Log keeps entries in a table of a PostgreSQL or SQLite database.
type Log struct{ migration.Tables }

// New returns the log in a database. It does not connect. Migrate has to succeed before anything else can. The logger may
// be nil.
func New(db sqldb.DB, log *slog.Logger) *Log {
	return &Log{migration.NewTables("audit", migrationFiles, db, log, ErrUnavailable)}
}

const columns = `id, at, phase, request_id, by_user, bot, action, target, status, job, issuer, session, address`

// Append adds an entry, which is durable then.
func (l *Log) Append(ctx context.Context, e Entry) error {
	id, err := event.NewID("")
	if err != nil {
		return err
	}
	_, err = sqldb.Exec(ctx, l.DB.Writer, `insert into audit (`+columns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		id, time.Now().UnixMicro(), string(e.Phase), e.RequestID, e.By, e.Bot, e.Action, e.Target, e.Status, e.Job,
		e.Issuer, e.Session, e.Address)
	return l.Failed("adding to the audit", err)
}

// never is later and always earlier than all entries.
var (
	never  = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	always = time.Unix(0, 0)
)

// List returns entries.
func (l *Log) List(ctx context.Context, q Query) ([]Entry, error) {
	before, from := q.After, q.From
	if before == (store.Position{}) {
		before.Time = never
	}
	if !q.To.IsZero() && q.To.Before(before.Time) {
		before = store.Position{Time: q.To}
	}
	if from.IsZero() {
		from = always
	}
	entries, err := sqldb.Query(ctx, l.DB.Reader, scan, `select `+columns+` from audit
where (at, id) < ($1, $2) and at >= $3 and ($4 = '' or by_user = $4) and ($5 = '' or bot = $5) and ($6 = '' or action = $6)
order by at desc, id desc limit $7`, before.Time.UnixMicro(), before.ID, from.UnixMicro(), q.By, q.Bot, q.Action, q.Limit)
	return entries, l.Failed("reading the audit", err)
}

func scan(rows *sql.Rows) (e Entry, err error) {
	var at int64
	err = rows.Scan(&e.ID, &at, &e.Phase, &e.RequestID, &e.By, &e.Bot, &e.Action, &e.Target, &e.Status, &e.Job,
		&e.Issuer, &e.Session, &e.Address)
	e.At = time.UnixMicro(at).UTC()
	return e, err
}

// Sweep removes what is older than Keep.
func (l *Log) Sweep(ctx context.Context) error {
	_, err := sqldb.Exec(ctx, l.DB.Writer, `delete from audit where at < $1`, time.Now().Add(-Keep).UnixMicro())
	return l.Failed("sweeping the audit", err)
}
