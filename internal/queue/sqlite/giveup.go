package sqlite

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

// maxGivenUp is how many events the file has that were given up, for processes to hear of.
const maxGivenUp = 1000

// GiveUp implements [queue.Queue]. Other processes hear of it within about a second, and the one that
// works on the event has it from there: it goes when that one was told.
func (q *Queue) GiveUp(ctx context.Context, bot, id string) error {
	var known int64
	err := q.write(ctx, 1, func(tx *transaction) (err error) {
		if known, err = tx.exec(tx.addGivenUp, hashText(bot), id); err != nil || known == 0 {
			return err
		}
		_, err = tx.exec(tx.forgetGivenUp, maxGivenUp)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("giving up event %s: %w", id, err)
	case known == 0:
		return fmt.Errorf("%w: %s", queue.ErrUnknownBot, bot)
	}
	return q.read(ctx, func() error { return q.hearGiveUp(ctx) })
}

// hearGiveUp tells the consumers of this handle which events were given up, and lets those go.
func (q *Queue) hearGiveUp(ctx context.Context) error {
	q.hearing.Lock()
	defer q.hearing.Unlock()
	events, last, err := q.readGivenUp(ctx)
	if err != nil {
		return fmt.Errorf("reading which events were given up: %w", err)
	}
	consumers := q.consumersOf(groupDispatch)
	if len(events) > 0 && len(consumers) > 0 {
		for _, e := range events {
			for _, c := range consumers {
				c.opts.TellGiveUp(e.bot, e.id)
			}
		}
		if err := q.wakeEvents(ctx, events); err != nil {
			return err
		}
	}
	q.gaveUp = last
	return nil
}

type givenUp struct{ bot, id string }

// readGivenUp reads which events were given up since the last time, and the number of the last one.
func (q *Queue) readGivenUp(ctx context.Context) (events []givenUp, last int64, err error) {
	rows, err := q.reader.QueryContext(ctx, "SELECT n, bot, event FROM given_up WHERE n > ? ORDER BY n", q.gaveUp)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rows.Close() }()
	last = q.gaveUp
	for rows.Next() {
		var e givenUp
		if err := rows.Scan(&last, &e.bot, &e.id); err != nil {
			return nil, 0, err
		}
		events = append(events, e)
	}
	return events, last, rows.Err()
}

// wakeEvents makes ready what waits for its retry.
func (q *Queue) wakeEvents(ctx context.Context, events []givenUp) error {
	err := q.writer.do(ctx, len(events), func(tx *transaction) error {
		tx.touched[groupDispatch] = true
		for _, e := range events {
			if _, err := tx.exec(tx.wakeEvent, hashText(e.bot), e.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("having events go that were given up: %w", err)
	}
	return nil
}
