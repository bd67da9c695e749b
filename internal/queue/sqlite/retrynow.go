package sqlite

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

// RetryNow implements [queue.Queue]. Other processes hear of it within about a second.
func (q *Queue) RetryNow(ctx context.Context, bot string) error {
	var known int64
	err := q.write(ctx, 1, func(tx *transaction) (err error) {
		hash := hashText(bot)
		if known, err = tx.exec(tx.countRetryNow, hash); err != nil || known == 0 {
			return err
		}
		tx.touched[groupDispatch] = true
		_, err = tx.exec(tx.wakeBot, hash)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("retrying what waits for bot %s: %w", bot, err)
	case known == 0:
		return fmt.Errorf("%w: %s", queue.ErrUnknownBot, bot)
	}
	return q.read(ctx, func() error { return q.hearRetryNow(ctx) })
}

// hearRetryNow tells the consumers of this handle whose bots are to be tried now.
func (q *Queue) hearRetryNow(ctx context.Context) error {
	q.hearing.Lock()
	defer q.hearing.Unlock()
	bots, err := q.readRetryNow(ctx)
	if err != nil {
		return fmt.Errorf("reading whose bots are to be tried now: %w", err)
	}
	for bot, times := range bots {
		if q.retriedNow[bot] == times {
			continue
		}
		q.retriedNow[bot] = times
		for _, c := range q.consumersOf(groupDispatch) {
			c.opts.TellRetryNow(bot)
		}
	}
	return nil
}

// readRetryNow reads how often each bot was to be tried now.
func (q *Queue) readRetryNow(ctx context.Context) (map[string]int64, error) {
	rows, err := q.reader.QueryContext(ctx, "SELECT name, retry_now FROM bots WHERE retry_now > 0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	bots := map[string]int64{}
	for rows.Next() {
		var (
			bot   string
			times int64
		)
		if err := rows.Scan(&bot, &times); err != nil {
			return nil, err
		}
		bots[bot] = times
	}
	return bots, rows.Err()
}

// consumersOf lists the consumers of a group.
func (q *Queue) consumersOf(number int) (all []*consumer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.consumers {
		if c.number == number {
			all = append(all, c)
		}
	}
	return all
}
