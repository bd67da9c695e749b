package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Each visits what is in Dispatch and in the dead letters when it is called, in no
// particular order and without taking anything. The events come without Data; size is its
// length in bytes. It reads every delivery, so it is for starts.
func (q *Queue) Each(ctx context.Context, visit func(group queue.Group, e *event.Event, size int64)) error {
	if err := q.enter(); err != nil {
		return err
	}
	defer q.leave()
	for _, group := range []queue.Group{queue.Dispatch, queue.Dead} {
		if err := q.each(ctx, group, visit); err != nil {
			return fmt.Errorf("reading what is in the queue file: %w", err)
		}
	}
	return nil
}

// selectGroup reads all deliveries of a group but the unreadable ones.
var selectGroup = numbers.Replace(`SELECT e.attributes, e.content_type, length(e.data)
	FROM deliveries d JOIN events e ON e.seq = d.id >> 1 WHERE d.grp = ? AND d.state < {unreadable}`)

func (q *Queue) each(ctx context.Context, group queue.Group, visit func(queue.Group, *event.Event, int64)) error {
	rows, err := q.reader.QueryContext(ctx, selectGroup, groupNumbers[group])
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			attributes, contentType string
			size                    int64
		)
		if err := rows.Scan(&attributes, &contentType, &size); err != nil {
			return err
		}
		// What cannot be read is set aside when its turn comes.
		if e, err := decode(attributes, contentType, nil); err == nil {
			visit(group, e, size)
		}
	}
	return rows.Err()
}

// Oldest returns when the event was accepted that has been in Dispatch for longest; the zero
// time when there is none. It costs the same however many wait.
func (q *Queue) Oldest(ctx context.Context) (time.Time, error) {
	if err := q.enter(); err != nil {
		return time.Time{}, err
	}
	defer q.leave()
	var attributes, contentType string
	err := q.reader.QueryRowContext(ctx, oldestText).Scan(&attributes, &contentType)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the oldest event of the queue file: %w", err)
	}
	e, err := decode(attributes, contentType, nil)
	if err != nil {
		// It is set aside when its turn comes.
		return time.Now(), nil //nolint:nilerr // See above.
	}
	return e.Time, nil
}

// oldestText looks each state up by the whole key, as min over IN would not.
const oldestText = `SELECT attributes, content_type FROM events WHERE seq = (SELECT min(id) >> 1 FROM (
	SELECT min(id) AS id FROM deliveries WHERE grp = 2 AND state = 0
	UNION ALL SELECT min(id) FROM deliveries WHERE grp = 2 AND state = 1
	UNION ALL SELECT min(id) FROM deliveries WHERE grp = 2 AND state = 2
	UNION ALL SELECT min(id) FROM deliveries WHERE grp = 2 AND state = 3))`
