package cron

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/internal/migration"
	"github.com/botgate/botgate/backend/internal/sqldb"
)

//go:embed migrations/*/*.sql
var migrationFiles embed.FS

// ErrUnavailable means that the database of the marks can't be reached or fails.
var ErrUnavailable = errors.New("the marks of schedules are unavailable")

// Key names a schedule of a bot. Another rule is another schedule.
type Key struct {
	Name string
	// Rule is its cron expression, and its time zone.
	Rule string
}

func (k Key) compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Name, other.Name), cmp.Compare(k.Rule, other.Rule))
}

// Marks are up to when schedules have fired, in a table of a PostgreSQL or SQLite database. Errors are [ErrUnavailable].
type Marks struct{ migration.Tables }

// NewMarks returns the marks in a database. It does not connect. Migrate has to succeed before anything else can. The
// logger may be nil.
func NewMarks(db sqldb.DB, log *slog.Logger) *Marks {
	return &Marks{migration.NewTables("schedules", migrationFiles, db, log, ErrUnavailable)}
}

// Load returns the marks of a bot.
func (m *Marks) Load(ctx context.Context, bot string) (map[Key]time.Time, error) {
	marks := map[Key]time.Time{}
	_, err := sqldb.Query(ctx, m.DB.Reader, func(rows *sql.Rows) (k Key, err error) {
		var mark int64
		err = rows.Scan(&k.Name, &k.Rule, &mark)
		marks[k] = time.UnixMicro(mark).UTC()
		return k, err
	}, `select name, rule, mark from schedules where bot = $1`, bot)
	return marks, m.Failed("reading the marks of schedules", err)
}

// Begin sets the marks of a bot's schedules that have none.
func (m *Marks) Begin(ctx context.Context, bot string, keys []Key, mark time.Time) error {
	return m.write(ctx, "nothing", bot, keys, mark)
}

// Advance sets the marks of a bot's schedules, and leaves those that are further.
func (m *Marks) Advance(ctx context.Context, bot string, keys []Key, mark time.Time) error {
	return m.write(ctx, "update set mark = excluded.mark where schedules.mark < excluded.mark", bot, keys, mark)
}

// write adds marks; conflict is what becomes of those that are there.
func (m *Marks) write(ctx context.Context, conflict, bot string, keys []Key, mark time.Time) error {
	if len(keys) == 0 {
		return nil
	}
	rows, args := make([]string, len(keys)), []any{bot, mark.UnixMicro()}
	keys = slices.SortedFunc(slices.Values(keys), Key.compare) // Else two processes may wait for each other's rows.
	for n, k := range keys {
		rows[n] = fmt.Sprintf("($1, $%d, $%d, $2)", 2*n+3, 2*n+4)
		args = append(args, k.Name, k.Rule)
	}
	_, err := sqldb.Exec(ctx, m.DB.Writer, "insert into schedules (bot, name, rule, mark) values "+strings.Join(rows, ", ")+
		" on conflict (bot, name, rule) do "+conflict, args...)
	return m.Failed("writing the marks of schedules", err)
}

// Forget removes the marks that are not within two times.
func (m *Marks) Forget(ctx context.Context, from, to time.Time) error {
	_, err := sqldb.Exec(ctx, m.DB.Writer, "delete from schedules where mark < $1 or mark > $2", from.UnixMicro(), to.UnixMicro())
	return m.Failed("removing the marks of schedules", err)
}
