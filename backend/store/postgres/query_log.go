package postgres

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
)

const (
	// bodyColumn leaves out the bodies of events unless $1 asks for them.
	bodyColumn = `, case when $1 or e.ref is not null then e.data end`
	selectLog  = `select ` + logColumns + bodyColumn + ` from events e`
	inLogOrder = ` order by recorded_at, id limit `
)

// Log implements [store.Store].
func (s *Store) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	if !(store.Query{Bot: q.Bot, Subject: q.Subject, Type: q.Type, After: store.Position{Time: q.After.RecordedAt, ID: q.After.ID}}).Possible() {
		return nil, nil
	}
	query, args := logQuery(q)
	entries, err := collect(ctx, s, scanWithBody, query, args)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", classify(err))
	}
	return entries, nil
}

// logQuery reads in the order of recording from the position on. The entries of a user are
// collected and sorted first: they are few and scattered over the log.
func logQuery(q store.LogQuery) (string, []any) {
	f := &statement.Filter{Args: []any{q.Bodies}}
	if q.After != (store.LogPosition{}) {
		at := f.Arg(q.After.RecordedAt)
		f.And("recorded_at >= " + at)
		f.And("(recorded_at, id) > (" + at + ", " + f.Arg(q.After.ID) + ")")
	}
	f.Equal("bot", q.Bot)
	f.Equal("type", q.Type)
	if q.Subject == "" {
		return selectLog + f.Where() + inLogOrder + f.Arg(statement.LogSize(q.Limit)), f.Args
	}
	f.Equal("subject", q.Subject)
	f.And("subject <> ''") // As the index has it.
	return "with positions as materialized (select event_time, id, recorded_at from events" + f.Where() + ")" +
		" select " + logColumns + bodyColumn + " from (select event_time as day, id as entry from positions" + inLogOrder + f.Arg(statement.LogSize(q.Limit)) + ") p" +
		" cross join lateral (select * from events where event_time = day and id = entry offset 0) e order by e.recorded_at, e.id", f.Args
}
