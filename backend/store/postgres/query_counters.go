package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/store/internal/statement"
)

const (
	selectStats    = `select minute, sum(duration_ms), ` + statement.SumCounts + ` from bot_stats where minute >= $1 and minute < $2`
	groupByMinutes = ` group by minute having sum(accepted) <> 0 or sum(delivered) <> 0 or sum(failed) <> 0 or sum(dead) <> 0
	or sum(expired) <> 0 or sum(replayed) <> 0 order by minute limit $3`
)

// User implements [store.Store].
func (s *Store) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	user := &store.User{Subject: q.Subject}
	if q.Subject == "" || !(store.Query{Subject: q.Subject, Bot: q.Bot}).Possible() {
		return user, nil
	}
	query, args := statement.SelectUser, []any{q.Subject, q.Bot}
	if !q.At.IsZero() {
		query, args = statement.SelectUserAt, append(args, store.Micros(q.At))
	}
	var err error
	if user.Bots, err = collect(ctx, s, scanUser, query, args); err != nil {
		return nil, fmt.Errorf("reading a user: %w", classify(err))
	}
	return user, nil
}

func scanUser(row pgx.CollectableRow) (b store.UserBot, err error) {
	err = row.Scan(append([]any{&b.Bot, &b.First, &b.Last}, b.Counts.Columns()...)...)
	b.First, b.Last = b.First.UTC(), b.Last.UTC()
	return b, err
}

// Stats implements [store.Store].
func (s *Store) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	if !(store.Query{Bot: q.Bot}).Possible() {
		return nil, nil
	}
	query, args := statsQuery(q)
	minutes, err := collect(ctx, s, scanMinute, query, args)
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", classify(err))
	}
	return minutes, nil
}

func scanMinute(row pgx.CollectableRow) (m store.Minute, err error) {
	var millis int64
	err = row.Scan(append([]any{&m.Minute, &millis}, m.Counts.Columns()...)...)
	m.Minute, m.Duration = m.Minute.UTC(), time.Duration(millis)*time.Millisecond
	return m, err
}

func statsQuery(q store.StatsQuery) (string, []any) {
	// A minute is in the range as a whole.
	args := []any{store.Micros(q.From).Truncate(time.Minute), store.Micros(q.To), store.MaxMinutes}
	if q.Bot == "" {
		return selectStats + groupByMinutes, args
	}
	return selectStats + " and bot = $4" + groupByMinutes, append(args, q.Bot)
}
