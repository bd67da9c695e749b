package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/sqlstore"
)

const (
	// selectTime finds the day of an event, which never changes while the event is kept.
	selectTime = `select event_time from event_status where event_id = $1 and known`
	// selectRows is one statement, so that the event and its changes agree.
	selectRows = `select ` + sqlstore.LogColumns + `,
	case when row_number() over (order by e.ref nulls first, e.time, e.id) <= $3 then e.data end
from events e where e.event_time = $1 and (e.id = $2 or e.ref = $2) order by e.ref nulls first, e.time, e.id`

	// bodyColumn leaves out the bodies of events unless $1 asks for them.
	bodyColumn = `, case when $1 or e.ref is not null then e.data end`
	selectLog  = `select ` + sqlstore.LogColumns + bodyColumn + ` from events e`
	inLogOrder = ` order by recorded_at, id limit `
)

// planned has a statement planned for its arguments. Only then are partitions pruned before they
// are locked, and does the planner know how rare a status is.
const planned = pgx.QueryExecModeCacheDescribe

// read calls read with a replica, if one is current, or the primary.
func (s *Store) read(ctx context.Context, read func(context.Context, sqlstore.Query) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.db.Read(ctx, func(ctx context.Context, db *pgxpool.Pool) error { return read(ctx, query(db)) })
}

// query runs queries that are planned for their arguments.
func query(db querier) sqlstore.Query {
	return func(ctx context.Context, read func(sqlstore.Rows) error, query string, args ...any) error {
		rows, err := db.Query(ctx, query, append([]any{planned}, args...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return read(rows)
	}
}

// logQuery reads in the order of recording from the position on. The entries of a user are
// collected and sorted first: they are few and scattered over the log.
func logQuery(q store.LogQuery) (string, []any) {
	f := &sqlstore.Filter{Args: []any{q.Bodies}}
	if q.After != (store.LogPosition{}) {
		at := f.Arg(q.After.RecordedAt)
		f.And("recorded_at >= " + at)
		f.And("(recorded_at, id) > (" + at + ", " + f.Arg(q.After.ID) + ")")
	}
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	if q.Subject == "" {
		return selectLog + f.Where() + inLogOrder + f.Arg(q.Size()), f.Args
	}
	f.Equal("subject", q.Subject)
	f.And("subject <> ''") // As the index has it.
	return "with positions as materialized (select event_time, id, recorded_at from events" + f.Where() + ")" +
		" select " + sqlstore.LogColumns + bodyColumn + " from (select event_time as day, id as entry from positions" +
		inLogOrder + f.Arg(q.Size()) + ") p" +
		" cross join lateral (select * from events where event_time = day and id = entry offset 0) e order by e.recorded_at, e.id", f.Args
}

// step is [sqlstore.Base.Step].
func step(length time.Duration) string {
	return fmt.Sprintf("date_bin('%d minutes', minute, 'epoch')", length/time.Minute)
}
