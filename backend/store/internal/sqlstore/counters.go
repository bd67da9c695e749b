package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// The SQL of the counters, in the order of [store.Counts.Columns].
const (
	// CountColumns are the counters in user_counters and bot_stats.
	CountColumns = `accepted, deferred, delivered, failed, dead, expired, replayed, dropped`

	sumCounts = `sum(accepted), sum(deferred), sum(delivered), sum(failed), sum(dead), sum(expired), sum(replayed), sum(dropped)`

	// NoCounts is the condition of a group whose counters add up to nothing.
	NoCounts = `(` + sumCounts + `) = (0, 0, 0, 0, 0, 0, 0, 0)`

	// AddCounts are the assignments of an upsert into a table with the alias c.
	AddCounts = `accepted = c.accepted + excluded.accepted, deferred = c.deferred + excluded.deferred,
	delivered = c.delivered + excluded.delivered, failed = c.failed + excluded.failed, dead = c.dead + excluded.dead,
	expired = c.expired + excluded.expired, replayed = c.replayed + excluded.replayed,
	dropped = c.dropped + excluded.dropped`
)

const (
	// SelectUser reads the counters of user $1, at bot $2 unless that is empty.
	SelectUser = `select bot, min(first_at), max(last_at), ` + sumCounts + ` from user_counters
where subject = $1 and ($2 = '' or bot = $2) group by bot order by bot`
)

// SelectMinutes reads the statistics of all bots, or of bot $4, in steps, which the argument computes from the minutes.
func SelectMinutes(step string, ofBot bool) string {
	where := ""
	if ofBot {
		where = " and bot = $4"
	}
	return `select ` + step + ` as step, sum(took_ms), ` + sumActivity + ` from bot_stats where minute >= $1 and minute < $2` + where +
		` group by step having not ` + NoCounts + ` order by step limit $3`
}

// The SQL of the statistics, in the order of [store.Activity.Numbers].
var (
	// ActivityColumns are the counters in bot_stats.
	ActivityColumns = CountColumns + each(`, took_%[1]d`) + each(`, waited_%[1]d`)

	sumActivity = sumCounts + each(`, sum(took_%[1]d)`) + each(`, sum(waited_%[1]d)`)

	// AddActivity are the assignments of an upsert into a table with the alias c.
	AddActivity = AddCounts + each(`, took_%[1]d = c.took_%[1]d + excluded.took_%[1]d`) +
		each(`, waited_%[1]d = c.waited_%[1]d + excluded.waited_%[1]d`)
)

// each has a text for each bucket, by its number.
func each(text string) string {
	all := make([]string, store.BucketCount)
	for i := range all {
		all[i] = fmt.Sprintf(text, i)
	}
	return strings.Join(all, "")
}

var (
	// Counted is the condition of the rows of the log that are counted; see [store.Uncounted].
	Counted = func() string {
		var codes []string
		for _, s := range store.Uncounted() {
			codes = append(codes, strconv.Itoa(store.Code(s)))
		}
		return "status not in (" + strings.Join(codes, ", ") + ")"
	}()

	// CountRows are the counters' values for rows of the log; see [store.CountsOf].
	CountRows = Codes(`count(*) filter (where status in ({accepted}, {deferred}, {released})),
	count(*) filter (where status = {deferred}), count(*) filter (where status = {delivered}),
	count(*) filter (where status = {failed}), count(*) filter (where status = {dead}),
	count(*) filter (where status = {expired}), count(*) filter (where status = {replayed}),
	count(*) filter (where status = {dropped})`)

	// SelectUserAt counts them in the log as it was at the time $3.
	SelectUserAt = Codes(`select bot, min(event_time), max(event_time), ` + CountRows + ` from events
where ` + Counted + ` and subject = $1 and subject <> '' and ($2 = '' or bot = $2) and event_time <= $3 and time <= $3
group by bot order by bot`)
)

// User implements [store.Store].
func (b *Base) User(ctx context.Context, q store.UserQuery) (*store.User, error) {
	user := &store.User{Subject: q.Subject}
	if q.Subject == "" || !(store.Query{Subject: q.Subject, Bot: q.Bot}).Possible() {
		return user, nil
	}
	query, args := SelectUser, []any{q.Subject, q.Bot}
	if !q.At.IsZero() {
		query, args = SelectUserAt, append(args, store.Micros(q.At))
	}
	var err error
	if user.Bots, err = read(ctx, b, scanUser, query, args...); err != nil {
		return nil, fmt.Errorf("reading a user: %w", b.Classify(err))
	}
	return user, nil
}

func scanUser(row Row) (b store.UserBot, err error) {
	err = row.Scan(append([]any{&b.Bot, UTC(&b.First), UTC(&b.Last)}, b.Counts.Columns()...)...)
	return b, err
}

// SelectUsers finds the first $2 names behind $1, each by a look into the index, as long as they begin with $3, and
// whether they have events of bot $4.
const SelectUsers = `with recursive u (subject, n) as (
	select (select min(subject) from user_counters where subject > $1 and subject >= $3), 1
	union all
	select (select min(c.subject) from user_counters c where c.subject > u.subject), n + 1 from u
	where n < $2 and substr(u.subject, 1, length($3)) = $3
)
select subject, $4 = '' or exists (select 1 from user_counters c where c.subject = u.subject and c.bot = $4)
from u where substr(subject, 1, length($3)) = $3`

// Users implements [store.Store].
func (b *Base) Users(ctx context.Context, q store.UsersQuery) (*store.UsersPage, error) {
	if !(store.Query{Subject: q.After, Search: q.Prefix, Bot: q.Bot}).Possible() {
		return &store.UsersPage{}, nil
	}
	type found struct {
		name  string
		ofBot bool
	}
	all, err := read(ctx, b, func(row Row) (f found, err error) {
		return f, row.Scan(&f.name, &f.ofBot)
	}, SelectUsers, q.After, q.Size(), q.Prefix, q.Bot)
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", b.Classify(err))
	}
	page := &store.UsersPage{}
	for _, f := range all {
		if f.ofBot {
			page.Users = append(page.Users, f.name)
		}
	}
	if len(all) == q.Size() {
		page.Next = all[len(all)-1].name
	}
	return page, nil
}

// Stats implements [store.Store].
func (b *Base) Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error) {
	if !(store.Query{Bot: q.Bot}).Possible() {
		return nil, nil
	}
	// A minute is in the range as a whole.
	args := []any{store.Micros(q.From).Truncate(time.Minute), store.Micros(q.To), store.MaxMinutes}
	if q.Bot != "" {
		args = append(args, q.Bot)
	}
	minutes, err := read(ctx, b, scanMinute, SelectMinutes(b.Step(q.Steps()), q.Bot != ""), args...)
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", b.Classify(err))
	}
	return minutes, nil
}

func scanMinute(row Row) (m store.Minute, err error) {
	var millis int64
	err = row.Scan(append([]any{UTC(&m.Minute), &millis}, m.Columns()...)...)
	m.Duration = time.Duration(millis) * time.Millisecond
	return m, err
}
