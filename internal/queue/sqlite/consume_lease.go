package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// plausibleDelay bounds for how long a delivery is held, unless this handle was asked for more. What
// is due later was delayed before the clock was set back; or by another process, and is early once.
const plausibleDelay = time.Hour

// lease is a delivery that is leased to a consumer: the token of a [queue.Delivery].
type lease struct {
	id        int64
	bot       int64 // The hash of its name; 0 outside of Dispatch.
	retries   int
	orderHash sql.NullInt64
	deadInfo  sql.NullString
	replays   int
	outcomes  sql.NullString
	crashes   int
	size      int64 // Of the event's body, in bytes.

	// settled is whether the lease is settled or being settled. The consumer's lock guards it.
	settled bool
}

// space is how much one operation may lease.
type space struct {
	count int
	bytes int64 // Of bodies; the last delivery may exceed it, so that one of any size fits.
	// suspect is whether a suspected poison message may be among them.
	suspect bool
	// each is how much of that each bot may have leased, with what it has in held; in Dispatch only.
	each int
	held map[int64]int
	// throttled are the bots of which less may be leased, or nothing yet; see [SpoolConsumer].
	throttled map[int64]throttle
	// after is the bot that leased last.
	after int64
}

// room is how much of a bot may be leased, and if there is none yet, when there is. Outside of
// Dispatch all count as one bot.
func (s space) room(bot int64, each int) (room int, due time.Time) {
	if t, ok := s.throttled[bot]; ok {
		if time.Now().Before(t.until) {
			return 0, t.until
		}
		each = min(each, t.each)
	}
	return min(s.count, each-s.held[bot]), time.Time{}
}

func (s space) none() bool { return s.count <= 0 || s.bytes <= 0 }

// leased is what one operation leased.
type leased struct {
	leases []*lease
	// full is whether the space was used up, so that more may be ready.
	full bool
	// after is the bot that leased last.
	after int64
	// due is when the next delayed delivery becomes ready; zero when none is delayed.
	due time.Time
}

// wakeAt has the consumer look again at a time, if it would not before. The zero time changes nothing.
func (l *leased) wakeAt(at time.Time) {
	if !at.IsZero() && (l.due.IsZero() || at.Before(l.due)) {
		l.due = at
	}
}

// lease takes ready deliveries of a group for an owner, oldest first.
func (q *Queue) lease(ctx context.Context, owner int64, group int, free space) (leased, error) {
	var got leased
	longest := q.maxDelay(plausibleDelay)
	err := q.writer.do(ctx, free.count, func(tx *transaction) (err error) {
		free := free // The function may be executed twice.
		free.held = maps.Clone(free.held)
		got = leased{after: free.after}
		if got.due, err = tx.wakeDelayed(group, free.count, longest); err != nil {
			return err
		}
		if free.suspect {
			if got.leases, err = tx.leaseSuspect(owner, group); err != nil {
				return err
			}
			free.count -= len(got.leases)
		}
		if free.none() {
			got.full = true
			return nil
		}
		if group == groupDispatch {
			if err := tx.leaseBots(owner, &free, &got); err != nil {
				return err
			}
			return tx.leaseFreshBots(owner, &free, &got)
		}
		return tx.leaseOldest(owner, group, free, &got)
	})
	return got, err
}

// leaseOldest leases what a group has that is not Dispatch: all its deliveries count as those of one bot.
func (tx *transaction) leaseOldest(owner int64, group int, free space, got *leased) error {
	room, due := free.room(0, math.MaxInt)
	if got.wakeAt(due); room <= 0 {
		return nil
	}
	free.count = room
	ready, err := tx.oldest(&free, tx.ready, group, room)
	if err != nil {
		return err
	}
	if len(ready) > 0 {
		if _, err := tx.exec(tx.lease, owner, group, ready[len(ready)-1].id); err != nil {
			return err
		}
	}
	got.leases = append(got.leases, ready...)
	if group == groupRecord {
		err = tx.leaseFreshRecord(owner, &free, got)
	}
	got.full = free.none()
	return err
}

// leaseBots leases of each bot what it may still have, and begins behind the one that leased last: so
// a bot whose deliveries are not settled leaves room for the others.
func (tx *transaction) leaseBots(owner int64, free *space, got *leased) error {
	for bot, wrapped := free.after, false; !free.none(); {
		err := tx.nextBot.QueryRowContext(tx.ctx, bot).Scan(&bot)
		switch {
		case errors.Is(err, sql.ErrNoRows) && !wrapped:
			bot, wrapped = math.MinInt64, true
			continue
		case errors.Is(err, sql.ErrNoRows), err == nil && wrapped && bot > free.after:
			return nil
		case err != nil:
			return err
		}
		room, due := free.room(bot, free.each)
		if got.wakeAt(due); room <= 0 {
			continue
		}
		of, err := tx.oldest(free, tx.readyOf, bot, room)
		if err != nil {
			return err
		}
		if len(of) == 0 {
			continue
		}
		if _, err := tx.exec(tx.leaseOf, owner, bot, of[len(of)-1].id); err != nil {
			return err
		}
		got.leases, got.after = append(got.leases, of...), bot
		free.held[bot] += len(of)
	}
	got.full = true
	return nil
}

// wakeDelayed makes deliveries ready that are due, and returns when the next one is. What would be
// held longer than the longest delay is due now.
func (tx *transaction) wakeDelayed(group, limit int, longest time.Duration) (time.Time, error) {
	for {
		var due, last sql.NullInt64
		if err := tx.nextDue.QueryRowContext(tx.ctx, group).Scan(&due, &last); err != nil || !due.Valid {
			return time.Time{}, err
		}
		now := time.Now().UnixNano()
		if latest := now + int64(longest); last.Int64 > latest {
			if _, err := tx.exec(tx.advance, group, now, latest); err != nil {
				return time.Time{}, err
			}
			continue
		}
		if due.Int64 > now {
			return time.Unix(0, due.Int64), nil
		}
		n, err := tx.exec(tx.promote, group, now, limit)
		if err != nil || n >= int64(limit) {
			// More may be due; the next lease sees to them.
			return time.Unix(0, due.Int64), err
		}
	}
}

// oldest lists the first ready deliveries that a statement finds until the space is used up.
func (tx *transaction) oldest(free *space, stmt *sql.Stmt, args ...any) (leases []*lease, err error) {
	rows, err := stmt.QueryContext(tx.ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for !free.none() && rows.Next() {
		c, err := scanLease(rows)
		if err != nil {
			return nil, err
		}
		leases = append(leases, c)
		free.count--
		free.bytes -= c.size
	}
	return leases, rows.Err()
}

func scanLease(row interface{ Scan(...any) error }) (*lease, error) {
	c := &lease{}
	return c, row.Scan(&c.id, &c.bot, &c.retries, &c.orderHash, &c.deadInfo, &c.replays, &c.outcomes, &c.crashes, &c.size)
}

// fetch reads the events of leases, outside of the writer. Those that cannot be decoded
// come back as unreadable; an error means that nothing could be read.
func (q *Queue) fetch(ctx context.Context, leases []*lease) (ds []*queue.Delivery, unreadable []*lease, err error) {
	events, err := q.readEvents(ctx, leases)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range leases {
		d := &queue.Delivery{Event: events[seqOf(c.id)], Attempt: 1 + c.retries, Replays: c.replays, Crashes: c.crashes, Token: c}
		if c.deadInfo.Valid {
			d.Dead = &queue.DeadInfo{}
			if err := json.Unmarshal([]byte(c.deadInfo.String), d.Dead); err != nil {
				d.Event = nil
			}
		}
		if c.outcomes.Valid {
			// A history that can't be read keeps no event from its bot.
			_ = json.Unmarshal([]byte(c.outcomes.String), &d.Outcomes)
		}
		if d.Event == nil {
			unreadable = append(unreadable, c)
			continue
		}
		ds = append(ds, d)
	}
	return ds, unreadable, nil
}

// selectLeased reads the events with the seqs of a JSON array, in its order.
const selectLeased = `SELECT e.seq, e.attributes, e.content_type, e.data
	FROM json_each(?) AS wanted CROSS JOIN events AS e ON e.seq = wanted.value`

// readEvents returns the events of leases by their seq; those that cannot be decoded are
// absent. The context is checked between events, because passing it on would cost a goroutine.
func (q *Queue) readEvents(ctx context.Context, leases []*lease) (map[int64]*event.Event, error) {
	rows, err := q.readEvent.QueryContext(context.WithoutCancel(ctx), jsonArray(leases, (*lease).seq))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	events := make(map[int64]*event.Event, len(leases))
	for rows.Next() {
		var (
			seq                     int64
			attributes, contentType string
			data                    []byte
		)
		if err := errors.Join(ctx.Err(), rows.Scan(&seq, &attributes, &contentType, &data)); err != nil {
			return nil, fmt.Errorf("reading event %d: %w", seq, err)
		}
		if e, err := decode(attributes, contentType, data); err == nil {
			events[seq] = e
		}
	}
	return events, rows.Err()
}

func (l *lease) seq() int64 { return seqOf(l.id) }

// jsonArray is an array of a number of each, such as of a lease.
func jsonArray[T any](all []T, number func(T) int64) string {
	text := append(make([]byte, 0, 2+12*len(all)), '[')
	for i, one := range all {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, number(one), 10)
	}
	return string(append(text, ']'))
}
