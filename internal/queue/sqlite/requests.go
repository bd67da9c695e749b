package sqlite

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// maxRequests is how many of the last requests the file has, for processes to hear of.
const maxRequests = 1000

// request is what somebody asked of all consumers of Dispatch: to try a bot now, or where it names an
// event, to give that up.
type request struct{ bot, event string }

// lanesTo is an array of the hashes of the lanes to a bot.
func lanesTo(bot string) string { return jsonArray(event.LanesTo(bot), hashText) }

// RetryNow implements [queue.Queue]. Other processes hear of it within about a second. What waits in
// the file is ready at once, also for a process that starts later.
func (q *Queue) RetryNow(ctx context.Context, bot string) error {
	err := q.request(ctx, request{bot: bot}, func(tx *transaction) error {
		tx.touched[groupDispatch] = true
		_, err := tx.exec(tx.wakeBot, lanesTo(bot))
		return err
	})
	if err != nil {
		return fmt.Errorf("retrying what waits for bot %s: %w", bot, err)
	}
	return nil
}

// GiveUp implements [queue.Queue]. Other processes hear of it within about a second, and the one that
// works on the event has it from there: it goes when that one was told.
func (q *Queue) GiveUp(ctx context.Context, bot, id string) error {
	if err := q.request(ctx, request{bot, id}, func(*transaction) error { return nil }); err != nil {
		return fmt.Errorf("giving up event %s: %w", id, err)
	}
	return nil
}

// request writes a request down, together with what else that changes, and has this handle hear of it.
func (q *Queue) request(ctx context.Context, r request, change func(*transaction) error) error {
	var known int64
	err := q.write(ctx, 1, func(tx *transaction) (err error) {
		if known, err = tx.exec(tx.addRequest, r.bot, r.event, lanesTo(r.bot)); err != nil || known == 0 {
			return err
		}
		if _, err = tx.exec(tx.forgetRequests, maxRequests); err != nil {
			return err
		}
		return change(tx)
	})
	switch {
	case err != nil:
		return err
	case known == 0:
		return fmt.Errorf("%w: %s", queue.ErrUnknownBot, r.bot)
	}
	return q.read(ctx, func() error { return q.hear(ctx) })
}

// hear tells the consumers of this handle what was asked of them since the last time, and lets go what
// was given up.
func (q *Queue) hear(ctx context.Context) error {
	q.hearing.Lock()
	defer q.hearing.Unlock()
	requests, last, err := q.readRequests(ctx)
	if err != nil {
		return fmt.Errorf("reading what was asked of the consumers: %w", err)
	}
	if consumers := q.consumersOf(groupDispatch); len(consumers) > 0 {
		for _, r := range requests {
			for _, c := range consumers {
				c.tell(r)
			}
		}
		if err := q.wakeEvents(ctx, requests); err != nil {
			return err
		}
	}
	q.heard = last
	return nil
}

func (c *consumer) tell(r request) {
	if r.event == "" {
		c.opts.TellRetryNow(r.bot)
		return
	}
	c.opts.TellGiveUp(r.bot, r.event)
}

// readRequests reads the requests since the last time, and the number of the last one.
func (q *Queue) readRequests(ctx context.Context) (requests []request, last int64, err error) {
	rows, err := q.reader.QueryContext(ctx, "SELECT n, bot, event FROM requests WHERE n > ? ORDER BY n", q.heard)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rows.Close() }()
	last = q.heard
	for rows.Next() {
		var r request
		if err := rows.Scan(&last, &r.bot, &r.event); err != nil {
			return nil, 0, err
		}
		requests = append(requests, r)
	}
	return requests, last, rows.Err()
}

// wakeEvents makes ready what was given up and waits for its retry.
func (q *Queue) wakeEvents(ctx context.Context, requests []request) error {
	var events []request
	for _, r := range requests {
		if r.event != "" {
			events = append(events, r)
		}
	}
	if len(events) == 0 {
		return nil
	}
	err := q.writer.do(ctx, len(events), func(tx *transaction) error {
		tx.touched[groupDispatch] = true
		for _, r := range events {
			if _, err := tx.exec(tx.wakeEvent, lanesTo(r.bot), r.event); err != nil {
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
