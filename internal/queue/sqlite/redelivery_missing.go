package sqlite

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

// laneLimit bounds how much of an order key's backlog is looked through for a missing event.
const laneLimit = 5000

// selectLane reads the ids of what an order key has in Dispatch, with what is fresh.
var selectLane = numbers.Replace(`SELECT ifnull(json_extract(e.attributes, '$.id'), '')
	FROM deliveries d INDEXED BY deliveries_order JOIN events e ON e.seq = d.id >> 1
	WHERE d.order_hash = ?1 AND d.grp = {dispatch}
	UNION ALL SELECT ifnull(json_extract(attributes, '$.id'), '') FROM events
	WHERE seq >= (SELECT dispatch_fresh FROM counters) AND grps & {in_dispatch} AND order_hash = ?1 LIMIT ?2`)

// Missing implements [queue.Queue]. Nothing is missed of an order key with a backlog of thousands.
func (q *Queue) Missing(ctx context.Context, events ...queue.Redelivery) (missing []queue.Redelivery, err error) {
	ofKey := map[int64][]queue.Redelivery{}
	for _, r := range events {
		hash := hashText(r.Event.Key())
		ofKey[hash] = append(ofKey[hash], r)
	}
	for hash, asked := range ofKey {
		waiting, err := q.lane(ctx, hash)
		if err != nil {
			return nil, fmt.Errorf("looking for what waits: %w", err)
		}
		for _, r := range asked {
			if len(waiting) < laneLimit && !waiting[r.Event.ID] {
				missing = append(missing, r)
			}
		}
	}
	return missing, nil
}

// lane returns the ids of what waits of an order key, at most laneLimit.
func (q *Queue) lane(ctx context.Context, hash int64) (waiting map[string]bool, err error) {
	waiting = map[string]bool{}
	err = q.read(ctx, func() error {
		rows, err := q.reader.QueryContext(ctx, selectLane, hash, laneLimit)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			waiting[id] = true
		}
		return rows.Err()
	})
	return waiting, err
}
