package sqlite

import (
	"context"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// SpoolFile is a queue file for package spool. Its groups are the queues of the broker that an event is
// for: one that has it is acknowledged there, so the file knows for each event which ones are left.
type SpoolFile struct{ *Queue }

// OpenSpool is [Open] for a spool's file.
func OpenSpool(ctx context.Context, cfg Config) (*SpoolFile, error) {
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

// selectEvents reads what waits and the dead letters, but for what is unreadable.
var selectEvents = numbers.Replace(`SELECT d.grp, e.attributes, e.content_type, length(e.data)
	FROM deliveries d JOIN events e ON e.seq = d.id >> 1
	WHERE d.grp IN ({record}, {dispatch}, {dead}) AND d.grp >= ?1 AND d.state < {unreadable}
	UNION ALL SELECT {record}, attributes, content_type, length(data) FROM events
	WHERE ?1 <= {record} AND seq >= (SELECT record_fresh FROM counters) AND grps & {in_record}
	UNION ALL SELECT {dispatch}, attributes, content_type, length(data) FROM events
	WHERE ?1 <= {dispatch} AND seq >= (SELECT dispatch_fresh FROM counters) AND grps & {in_dispatch}`)

// Each visits what waits in Record and Dispatch, and what is in the group Dead, in no particular order
// and without taking anything. The events come without Data; size is its length in bytes. It
// reads every delivery, so it is for starts.
func (f *SpoolFile) Each(ctx context.Context, visit func(group queue.Group, e *event.Event, size int64)) error {
	return f.each(ctx, 0, visit)
}

// EachDead visits what is in the group Dead.
func (f *SpoolFile) EachDead(ctx context.Context, visit func(group queue.Group, e *event.Event, size int64)) error {
	return f.each(ctx, groupDead, visit)
}

func (f *SpoolFile) each(
	ctx context.Context, from int, visit func(group queue.Group, e *event.Event, size int64),
) error {
	names := map[int]queue.Group{groupRecord: queue.Record, groupDispatch: queue.Dispatch, groupDead: queue.Dead}
	return f.read(ctx, func() error {
		rows, err := f.reader.QueryContext(ctx, selectEvents, from)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var (
				group                   int
				size                    int64
				attributes, contentType string
			)
			if err := rows.Scan(&group, &attributes, &contentType, &size); err != nil {
				return err
			}
			// What cannot be read is set aside when its turn comes.
			if e, err := decode(attributes, contentType, nil); err == nil {
				visit(names[group], e, size)
			}
		}
		return rows.Err()
	})
}

// selectWaiting looks each group up by the first columns of the key, and what is fresh there.
var selectWaiting = numbers.Replace(`SELECT
	EXISTS (SELECT 1 FROM deliveries WHERE grp = {record} AND state < {unreadable})
	OR EXISTS (SELECT 1 FROM deliveries WHERE grp = {dispatch} AND state < {unreadable})
	OR EXISTS (SELECT 1 FROM events WHERE seq >= (SELECT record_fresh FROM counters) AND grps & {in_record})
	OR EXISTS (SELECT 1 FROM events WHERE seq >= (SELECT dispatch_fresh FROM counters) AND grps & {in_dispatch})`)

// Waiting reports whether anything waits in Record or Dispatch. It costs the same however much does.
func (f *SpoolFile) Waiting(ctx context.Context) (waiting bool, err error) {
	err = f.read(ctx, func() error { return f.reader.QueryRowContext(ctx, selectWaiting).Scan(&waiting) })
	return waiting, err
}
