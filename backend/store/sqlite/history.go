package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
)

const (
	selectMinutes = `select minute, sum(took_ms), ` + statement.SumCounts + ` from bot_stats
where minute >= $1 and minute < $2 group by minute order by minute limit $3`

	selectBotMinutes = `select minute, sum(took_ms), ` + statement.SumCounts + ` from bot_stats
where bot = $4 and minute >= $1 and minute < $2 group by minute order by minute limit $3`
)

// User implements [store.Store].
func (s *Store) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	user := &store.User{Subject: q.Subject}
	ctx, cancel := bounded(ctx)
	defer cancel()
	query, args := statement.SelectUser, []any{q.Subject, q.Bot}
	if !q.At.IsZero() {
		query, args = statement.SelectUserAt, append(args, micros(q.At))
	}
	var err error
	user.Bots, err = read(ctx, s, query, args, func(row scanner) (b store.UserBot, err error) {
		var first, last int64
		err = row.Scan(append([]any{&b.Bot, &first, &last}, b.Counts.Columns()...)...)
		b.First, b.Last = fromMicros(first), fromMicros(last)
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading a user: %w", classify(err))
	}
	return user, nil
}

// Stats implements [store.Store].
func (s *Store) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	query, args := selectMinutes, []any{micros(q.From), micros(q.To), store.MaxMinutes}
	if q.Bot != "" {
		query, args = selectBotMinutes, append(args, q.Bot)
	}
	minutes, err := read(ctx, s, query, args, func(row scanner) (m store.Minute, err error) {
		var at, took int64
		err = row.Scan(append([]any{&at, &took}, m.Counts.Columns()...)...)
		m.Minute, m.Duration = fromMicros(at), time.Duration(took)*time.Millisecond
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", classify(err))
	}
	return minutes, nil
}

// Log implements [store.Store].
func (s *Store) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	query, args := logQuery(q)
	entries, err := read(ctx, s, query, args, scanWithBody)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", classify(err))
	}
	return entries, nil
}

// logQuery reads all of a user's entries for a page of them, as they are few in a log.
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
