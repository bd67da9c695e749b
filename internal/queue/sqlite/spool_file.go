package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// SpoolFile is a queue file for package spool: every event is queued for the group Dispatch alone,
// changes too, so that one consumer gets all of them in the order of their keys.
type SpoolFile struct{ *Queue }

// OpenSpool is [Open] for a spool's file.
func OpenSpool(ctx context.Context, cfg Config) (*SpoolFile, error) {
	cfg.spool = true
	q, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &SpoolFile{q}, nil
}

// PublishNew is Publish that also says, for each event in turn, whether it was queued; the
// others are repeats. Where it fails it says nothing.
func (f *SpoolFile) PublishNew(ctx context.Context, events ...*event.Event) (queued []bool, err error) {
	return f.publish(ctx, events)
}

// selectEvents reads what is in Dispatch and in the dead letters but for the unreadable ones.
var selectEvents = numbers.Replace(`SELECT d.grp, e.attributes, e.content_type, length(e.data)
	FROM deliveries d JOIN events e ON e.seq = d.id >> 1 WHERE d.grp IN ({dispatch}, {dead}) AND d.state < {unreadable}`)

// Each visits what waits, and the dead letters, in no particular order and without taking
// anything. The events come without Data; size is its length in bytes. It reads every delivery,
// so it is for starts.
func (f *SpoolFile) Each(ctx context.Context, visit func(e *event.Event, size int64, dead bool)) error {
	return f.read(ctx, func() error {
		rows, err := f.reader.QueryContext(ctx, selectEvents)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var (
				group, size             int64
				attributes, contentType string
			)
			if err := rows.Scan(&group, &attributes, &contentType, &size); err != nil {
				return err
			}
			// What cannot be read is set aside when its turn comes.
			if e, err := decode(attributes, contentType, nil); err == nil {
				visit(e, size, group == groupDead)
			}
		}
		return rows.Err()
	})
}

// selectOldest looks each state up by the whole key, as min over IN would not.
var selectOldest = numbers.Replace(`SELECT attributes, content_type FROM events WHERE seq = (SELECT min(id) >> 1 FROM (
	` + firstDispatch("{blocked}") + ` UNION ALL ` + firstDispatch("{ready}") + ` UNION ALL
	` + firstDispatch("{delayed}") + ` UNION ALL ` + firstDispatch("{leased}") + `))`)

func firstDispatch(state string) string {
	return `SELECT min(id) AS id FROM deliveries WHERE grp = {dispatch} AND state = ` + state
}

// Oldest returns when the event was accepted that waits for longest; the zero time when there is
// none. It costs the same however many wait.
func (f *SpoolFile) Oldest(ctx context.Context) (at time.Time, err error) {
	err = f.read(ctx, func() error {
		var attributes, contentType string
		err := f.reader.QueryRowContext(ctx, selectOldest).Scan(&attributes, &contentType)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		at = time.Now() // What can't be read is set aside when its turn comes.
		if e, err := decode(attributes, contentType, nil); err == nil {
			at = e.Time
		}
		return nil
	})
	return at, err
}
