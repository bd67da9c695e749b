package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// historyChunk and historyBytes bound what is in memory of a history that is read; the
	// last event may exceed the bytes.
	historyChunk = 250
	historyBytes = 4 << 20
)

// ReadHistory implements [queue.History]. It holds no lock while show works.
func (q *Queue) ReadHistory(ctx context.Context, r queue.HistoryRange, show func(queue.HistoryRecord) error) error {
	if err := q.readHistory(ctx, r, show); err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	return nil
}

func (q *Queue) readHistory(ctx context.Context, r queue.HistoryRange, show func(queue.HistoryRecord) error) error {
	if q.cfg.History.Off() {
		return queue.ErrNoHistory
	}
	from, end, err := q.historyRange(ctx, r)
	for err == nil && from < end {
		var records []queue.HistoryRecord
		records, from, err = q.historyChunk(ctx, from, end)
		for _, record := range records {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err := show(record); err != nil {
				return err
			}
		}
	}
	return err
}

// historyRange finds the seq to begin with and the one to end before.
func (q *Queue) historyRange(ctx context.Context, r queue.HistoryRange) (from, end int64, err error) {
	after := int64(-1)
	if r.After != "" {
		if after, err = strconv.ParseInt(r.After, 10, 63); err != nil || after < 0 {
			return 0, 0, queue.ErrOffset
		}
	}
	err = q.read(ctx, func() error {
		err := q.reader.QueryRowContext(ctx, "SELECT floor, next_seq FROM counters").Scan(&from, &end)
		if err != nil || after >= 0 || r.Since.IsZero() {
			return err
		}
		from, err = q.seqAt(ctx, from, end, r.Since)
		return err
	})
	return max(from, after+1), end, err
}

// seqAt finds the first event that was accepted at a time or later. Events are numbered in
// the order of their acceptance, so it is found by halves.
func (q *Queue) seqAt(ctx context.Context, low, high int64, since time.Time) (int64, error) {
	for low < high {
		middle := low + (high-low)/2
		var seq, at int64
		err := q.reader.QueryRowContext(ctx, "SELECT seq, at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1", middle).Scan(&seq, &at)
		switch {
		case errors.Is(err, sql.ErrNoRows) || err == nil && (seq >= high || at >= since.UnixNano()):
			high = middle
		case err != nil:
			return 0, err
		default:
			low = seq + 1
		}
	}
	return low, nil
}

// historyChunk reads the next records and returns the seq to go on with. Those that cannot
// be decoded are left out.
func (q *Queue) historyChunk(ctx context.Context, from, end int64) (records []queue.HistoryRecord, next int64, err error) {
	next = end
	err = q.read(ctx, func() error {
		rows, err := q.reader.QueryContext(ctx, `SELECT seq, attributes, content_type, data FROM events
			WHERE seq >= ? AND seq < ? AND NOT again ORDER BY seq LIMIT ?`, from, end, historyChunk)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		rowsRead, bytes := 0, 0
		for rows.Next() {
			var (
				seq                     int64
				attributes, contentType string
				data                    []byte
			)
			if err := rows.Scan(&seq, &attributes, &contentType, &data); err != nil {
				return err
			}
			if e, err := decode(attributes, contentType, data); err == nil {
				records = append(records, queue.HistoryRecord{Event: e, Offset: strconv.FormatInt(seq, 10)})
			}
			rowsRead++
			if bytes += len(data); bytes >= historyBytes || rowsRead == historyChunk {
				next = seq + 1
				break
			}
		}
		return rows.Err()
	})
	return records, next, err
}

// Replay implements [queue.History]. What comes again stands where it stood among the
// events of its order key, so before later ones that still wait; what is in the dead
// letters leaves them. A record that still waits in the group does not come twice.
func (q *Queue) Replay(ctx context.Context, group queue.Group, replayID int, records ...queue.HistoryRecord) error {
	rows := make([]replayed, len(records))
	for i, record := range records {
		var err error
		if rows[i], err = newReplayed(group, replayID, record); err != nil {
			return fmt.Errorf("replaying: %w", err)
		}
	}
	err := q.write(ctx, len(rows), func(tx *transaction) error {
		now := time.Now().UnixNano()
		for i := range rows {
			if err := tx.replayRecord(&rows[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replaying: %w", err)
	}
	return nil
}

// replayed is a record as it is queued again.
type replayed struct {
	row
	news  *event.Event // The change for Record that reports it; nil for none.
	group int
	seq   int64
}

func newReplayed(group queue.Group, replayID int, record queue.HistoryRecord) (r replayed, err error) {
	r.group = groupNumbers[group]
	if r.seq, err = strconv.ParseInt(record.Offset, 10, 63); err != nil || r.seq < 0 {
		return r, queue.ErrOffset
	}
	if err := queue.CheckReplay(group, record); err != nil {
		return r, err
	}
	if group == queue.Dispatch {
		if r.news, err = (queue.Redelivery{Event: record.Event, Replays: replayID}).Change(); err != nil {
			return r, err
		}
	}
	r.row, err = newRow(record.Event)
	r.record, r.dispatch, r.replays = group == queue.Record, group == queue.Dispatch, replayID
	return r, err
}

// replayRecord makes a delivery of an event that is there, or queues one anew that has left the
// history since it was read.
func (tx *transaction) replayRecord(r *replayed, now int64) error {
	id, order, lane := recordID(r.seq), sql.NullInt64{}, int64(0)
	if r.dispatch {
		id, order, lane = sibling(id), sql.NullInt64{Int64: r.orderHash, Valid: true}, r.laneHash
		if err := tx.takeInUpTo(r.seq); err != nil {
			return err
		}
	}
	n, err := tx.exec(tx.takeDead, id)
	if err != nil {
		return err
	}
	if n > 0 {
		if err := tx.leave(groupDead, sql.NullInt64{}); err != nil {
			return err
		}
	}
	if n, err = tx.exec(tx.again, r.group, id, order, r.replays, lane, bitOf(r.group), tx.fresh[r.group]); err != nil {
		return err
	}
	if n > 0 {
		tx.arriveOf(r.group, r.lane)
		return tx.report(r.news, now)
	}
	var there int
	if err := tx.known.QueryRowContext(tx.ctx, r.seq).Scan(&there); err != nil || there > 0 {
		return err
	}
	if err := tx.queue(&r.row, now); err != nil {
		return err
	}
	return tx.report(r.news, now)
}

// report queues a change, once; nil is none.
func (tx *transaction) report(change *event.Event, now int64) error {
	if change == nil {
		return nil
	}
	r, err := newRow(change)
	if err == nil {
		_, err = tx.add(&r, now)
	}
	return err
}

// HistoryReady implements [queue.History]. The history is part of the file that takes the events.
func (q *Queue) HistoryReady() error {
	if q.cfg.History.Off() {
		return queue.ErrNoHistory
	}
	return nil
}
