package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// deadChunk is how many dead letters are read, or moved, at a time.
const deadChunk = 200

// selectDead reads dead letters in the order of their ids: of each state its first ones, by the
// primary key, so that the cost does not grow with their number. Unreadable ones are left out.
var selectDead = numbers.Replace(`SELECT d.id, d.state, d.dead_info, ifnull(e.attributes, ''), ifnull(e.content_type, ''), ifnull(length(e.data), 0) FROM (
	` + firstDead("{ready}") + ` UNION ALL ` + firstDead("{delayed}") + ` UNION ALL ` + firstDead("{leased}") + `
	ORDER BY id LIMIT ?2) d LEFT JOIN events e ON e.seq = d.id >> 1 ORDER BY d.id`)

func firstDead(state string) string {
	return `SELECT * FROM (SELECT id, state, dead_info FROM deliveries WHERE grp = {dead} AND state = ` + state + ` AND id > ?1 ORDER BY id LIMIT ?2)`
}

// letter is a dead letter as the file has it.
type letter struct {
	*queue.DeadLetter
	id    int64
	state int
}

// ListDead implements [queue.DeadLetters], in the order of acceptance.
func (q *Queue) ListDead(ctx context.Context, query queue.DeadQuery) (*queue.DeadPage, error) {
	query = query.Bounded()
	page := &queue.DeadPage{}
	next, err := q.walkDead(ctx, query, func(found []letter) error {
		for _, l := range found {
			page.Letters = append(page.Letters, l.DeadLetter)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	page.Next = next
	return page, nil
}

// GetDead implements [queue.DeadLetters]. It looks at all dead letters.
func (q *Queue) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	var last letter
	query := queue.DeadQuery{DeadFilter: queue.DeadFilter{ID: id}, Limit: queue.MaxDeadPage}
	for first := true; first || query.After != ""; first = false {
		var err error
		query.After, err = q.walkDead(ctx, query, func(found []letter) error {
			for _, l := range found {
				if last.DeadLetter == nil || l.At.After(last.At) {
					last = l
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("looking for a dead letter: %w", err)
		}
	}
	if last.DeadLetter == nil {
		return nil, queue.ErrNotFound
	}
	err := q.read(ctx, func() error {
		events, err := q.readEvents(ctx, []*lease{{id: last.id}})
		last.Event = events[seqOf(last.id)]
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading a dead letter: %w", err)
	case last.Event == nil:
		return nil, queue.ErrNotFound
	}
	return last.DeadLetter, nil
}

// walkDead shows what matches to use, chunk by chunk, until the limit, the most that one
// call looks at, or the end is reached. next is where to go on, empty at the end.
func (q *Queue) walkDead(ctx context.Context, query queue.DeadQuery, use func([]letter) error) (next string, err error) {
	after, err := strconv.ParseInt(cmp.Or(query.After, "0"), 10, 64) // The id that the last page ended with.
	if err != nil {
		return "", queue.ErrCursor
	}
	for scanned, left := 0, query.Limit; scanned < queue.MaxDeadScan; scanned += deadChunk {
		chunk, err := q.readDead(ctx, after)
		if err != nil {
			return "", err
		}
		end := len(chunk) < deadChunk
		if !end {
			after = chunk[len(chunk)-1].id
		}
		matching := slices.DeleteFunc(chunk, func(l letter) bool { return !query.Matches(l.DeadLetter) })
		matching = matching[:min(len(matching), left)]
		if err := use(matching); err != nil {
			return "", err
		}
		if left -= len(matching); left == 0 {
			return strconv.FormatInt(matching[len(matching)-1].id, 10), nil
		}
		if end {
			return "", nil
		}
	}
	return strconv.FormatInt(after, 10), nil
}

// readDead reads the next chunk of dead letters, without bodies.
func (q *Queue) readDead(ctx context.Context, after int64) (chunk []letter, err error) {
	err = q.read(ctx, func() error {
		rows, err := q.reader.QueryContext(ctx, selectDead, after, deadChunk)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			l, err := scanDead(rows)
			if err != nil {
				return err
			}
			chunk = append(chunk, l)
		}
		return rows.Err()
	})
	return chunk, err
}

func scanDead(rows *sql.Rows) (letter, error) {
	var (
		l                       = letter{DeadLetter: &queue.DeadLetter{}}
		info                    sql.NullString
		attributes, contentType string
	)
	if err := rows.Scan(&l.id, &l.state, &info, &attributes, &contentType, &l.Size); err != nil {
		return l, err
	}
	// What can't be read is shown as far as it can be.
	_ = json.Unmarshal([]byte(info.String), &l.DeadInfo)
	e, err := decode(attributes, contentType, nil)
	if err != nil {
		e = &event.Event{}
	}
	l.Event = e
	return l, nil
}
