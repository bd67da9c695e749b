package sqlite

import (
	"context"
	"time"
)

const (
	// cutStep and cutBytes bound what one transaction takes out of the history, so that
	// no other operation waits long for it.
	cutStep  = 250
	cutBytes = 8 << 20
)

// cutHistory takes out what is too old or too much, in steps, so that others can write in
// between. An event that still has deliveries stays until it is acknowledged.
//
// Where no history is kept, it takes out what was kept when there was one, once. A guest
// leaves it to the others.
func (q *Queue) cutHistory(ctx context.Context, now time.Time) error {
	if q.cfg.Guest {
		return nil
	}
	for {
		floor, end, err := q.nextCut(ctx, now)
		if err != nil || floor >= end {
			return err
		}
		err = q.writer.do(ctx, 1, func(tx *transaction) error {
			if tx.floor >= end {
				return nil // Another process was faster.
			}
			tx.floor, tx.changed = end, true
			_, err := tx.exec(tx.cut, floor, end, tx.fresh[groupRecord], tx.fresh[groupDispatch])
			return err
		})
		if err != nil {
			return err
		}
	}
}

// nextCut says which events the next step is about: from floor to before end.
func (q *Queue) nextCut(ctx context.Context, now time.Time) (floor, end int64, err error) {
	var next, nextPos int64
	err = q.reader.QueryRowContext(ctx, "SELECT floor, next_seq, next_pos FROM counters").Scan(&floor, &next, &nextPos)
	if err != nil {
		return 0, 0, err
	}
	keep := q.cfg.History
	if keep.Off() {
		next = q.cutTo
	}
	if floor >= next {
		return floor, floor, nil
	}
	rows, err := q.reader.QueryContext(ctx, "SELECT seq, at, pos FROM events WHERE seq >= ? AND seq < ? ORDER BY seq LIMIT ?", floor, next, cutStep+1)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = rows.Close() }()
	oldest := now.Add(-keep.MaxAge).UnixNano()
	var begin int64
	for n := 0; rows.Next(); n++ {
		var at, pos int64
		if err := rows.Scan(&end, &at, &pos); err != nil {
			return 0, 0, err
		}
		if n == 0 {
			begin = pos
		}
		kept := !keep.Off() && at >= oldest && pos >= nextPos-keep.MaxBytes
		if kept || n == cutStep || pos-begin > cutBytes {
			return floor, end, nil
		}
	}
	// All of them, and the numbers missing behind them.
	return floor, next, rows.Err()
}
