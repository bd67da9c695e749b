package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/internal/sqldb"
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
	user.Bots, err = sqldb.Query(ctx, s.reader, func(row *sql.Rows) (b store.UserBot, err error) {
		var first, last int64
		err = row.Scan(append([]any{&b.Bot, &first, &last}, b.Counts.Columns()...)...)
		b.First, b.Last = fromMicros(first), fromMicros(last)
		return b, err
	}, query, args...)
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
	minutes, err := sqldb.Query(ctx, s.reader, func(row *sql.Rows) (m store.Minute, err error) {
		var at, took int64
		err = row.Scan(append([]any{&at, &took}, m.Counts.Columns()...)...)
		m.Minute, m.Duration = fromMicros(at), time.Duration(took)*time.Millisecond
		return m, err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", classify(err))
	}
	return minutes, nil
}
