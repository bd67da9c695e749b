package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
)

const (
	sumCounts = `sum(accepted), sum(deferred), sum(delivered), sum(failed), sum(dead), sum(expired), sum(replayed)`

	selectUser = `select bot, min(first_at), max(last_at), ` + sumCounts + ` from user_counters
where subject = $1 and ($2 = '' or bot = $2) group by bot order by bot`

	// selectUserAt is [store.CountUsers] in SQL.
	selectUserAt = `select bot, min(event_time), max(event_time), ` + countRows + ` from events
where subject = $1 and subject <> '' and ($2 = '' or bot = $2) and event_time <= $3 and time <= $3 group by bot order by bot`

	countRows = `sum(status in (10, 12)), sum(status = 12), sum(status = 40), sum(status = 20), sum(status = 30),
	sum(status = 25), sum(status = 15)`

	selectMinutes = `select minute, sum(took_ms), ` + sumCounts + ` from bot_stats
where minute >= $1 and minute < $2 group by minute order by minute limit $3`

	selectBotMinutes = `select minute, sum(took_ms), ` + sumCounts + ` from bot_stats
where bot = $4 and minute >= $1 and minute < $2 group by minute order by minute limit $3`
)

// User implements [store.Store].
func (s *Store) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	user := &store.User{Subject: q.Subject}
	ctx, cancel := bounded(ctx)
	defer cancel()
	query, args := selectUser, []any{q.Subject, q.Bot}
	if !q.At.IsZero() {
		query, args = selectUserAt, append(args, micros(q.At))
	}
	var err error
	user.Bots, err = read(ctx, s, query, args, func(row scanner) (b store.UserBot, err error) {
		var first, last int64
		err = row.Scan(append([]any{&b.Bot, &first, &last}, countFields(&b.Counts)...)...)
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
		err = row.Scan(append([]any{&at, &took}, countFields(&m.Counts)...)...)
		m.Minute, m.Duration = fromMicros(at), time.Duration(took)*time.Millisecond
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", classify(err))
	}
	return minutes, nil
}

func countFields(counts *store.Counts) []any {
	fields := make([]any, 0, 7)
	for _, field := range counts.Fields() {
		fields = append(fields, field)
	}
	return fields
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
	f := &filter{}
	f.and("(e.recorded_at, e.id) > (" + f.arg(micros(q.After.RecordedAt)) + ", " + f.arg(q.After.ID) + ")")
	index := "events_recorded"
	if q.Subject != "" {
		index = "events_subject"
		f.and("e.subject <> ''") // As the index has it.
	}
	f.equal("e.subject", q.Subject)
	f.equal("e.bot", q.Bot)
	f.equal("e.type", q.Type)
	data := "iif(e.ref is null, null, e.data)"
	if q.Bodies {
		data = "e.data"
	}
	limit := min(max(q.Limit, 1), store.MaxLogLimit)
	return `select ` + logColumns + `, ` + data + ` from events e indexed by ` + index + ` where ` + f.String() +
		` order by e.recorded_at, e.id limit ` + f.arg(limit), f.args
}
