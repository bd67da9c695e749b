package sqlite

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/backend/internal/sqldb"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
)

// Log implements [store.Store].
func (s *Store) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	query, args := logQuery(q)
	entries, err := sqldb.Query(ctx, s.reader, scanWithBody, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", classify(err))
	}
	return entries, nil
}

// logQuery reads all of a user's entries for each page, as they are few.
func logQuery(q store.LogQuery) (string, []any) {
	f := &statement.Filter{}
	f.And("(e.recorded_at, e.id) > (" + f.Arg(micros(q.After.RecordedAt)) + ", " + f.Arg(q.After.ID) + ")")
	index := "events_recorded"
	if q.Subject != "" {
		index = "events_subject"
		f.And("e.subject <> ''") // As the index has it.
	}
	f.Equal("e.subject", q.Subject)
	f.Equal("e.bot", q.Bot)
	f.Equal("e.type", q.Type)
	data := "iif(e.ref is null, null, e.data)"
	if q.Bodies {
		data = "e.data"
	}
	return `select ` + logColumns + `, ` + data + ` from events e indexed by ` + index + f.Where() +
		` order by e.recorded_at, e.id limit ` + f.Arg(statement.LogSize(q.Limit)), f.Args
}
