package pause

import (
	"context"
	"database/sql"
	"embed"
	"log/slog"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
)

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

var _ Store = (*SQL)(nil)

// SQL is a [Store] in a table of a PostgreSQL or SQLite database.
type SQL struct{ migration.Tables }

// NewSQL returns the pauses in a database. It does not connect. Migrate has to succeed before anything else can. The
// logger may be nil.
func NewSQL(db sqldb.DB, log *slog.Logger) *SQL {
	return &SQL{migration.NewTables("pauses", migrationFiles, db, log, ErrUnavailable)}
}

// named is the state of a bot.
type named struct {
	bot   string
	state State
}

// Load implements [Store].
func (s *SQL) Load(ctx context.Context) (map[string]State, error) {
	rows, err := sqldb.Query(ctx, s.DB.Reader, func(rows *sql.Rows) (n named, err error) {
		var since int64
		err = rows.Scan(&n.bot, &n.state.Paused, &since, &n.state.By)
		n.state.Since = time.UnixMicro(since).UTC()
		return n, err
	}, `select bot, paused, since, by_user from pauses`)
	if err != nil {
		return nil, s.Failed("reading pauses", err)
	}
	states := make(map[string]State, len(rows))
	for _, n := range rows {
		states[n.bot] = n.state
	}
	return states, nil
}

// Set implements [Store].
func (s *SQL) Set(ctx context.Context, bot string, state State) error {
	paused := 0
	if state.Paused {
		paused = 1
	}
	_, err := sqldb.Exec(ctx, s.DB.Writer, `insert into pauses (bot, paused, since, by_user) values ($1, $2, $3, $4)
on conflict (bot) do update set paused = excluded.paused, since = excluded.since, by_user = excluded.by_user`,
		bot, paused, state.Since.UnixMicro(), state.By)
	return s.Failed("writing a pause", err)
}
