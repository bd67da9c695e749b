package claimcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// ReadHistory implements [queue.History]. An event whose body is not in the blob store any more
// is shown without it, and with the reference.
func (q *Queue) ReadHistory(ctx context.Context, r queue.HistoryRange, show func(queue.HistoryRecord) error) error {
	return q.Queue.ReadHistory(ctx, r, func(record queue.HistoryRecord) (err error) {
		if record.Event, err = q.whole(ctx, record.Event); err != nil {
			return err
		}
		return show(record)
	})
}

// Replay implements [queue.History]. Large bodies are put again, so that their age counts
// from now.
func (q *Queue) Replay(ctx context.Context, group queue.Group, replayID int, records ...queue.HistoryRecord) error {
	light := slices.Clone(records)
	for i := range light {
		var err error
		if light[i].Event, err = q.light(ctx, light[i].Event); err != nil {
			return err
		}
	}
	return q.Queue.Replay(ctx, group, replayID, light...)
}

// Redeliver implements [queue.Queue]. Large bodies are put again, as with Replay.
func (q *Queue) Redeliver(ctx context.Context, events ...queue.Redelivery) error {
	light := slices.Clone(events)
	for i := range light {
		var err error
		if light[i].Event, err = q.light(ctx, light[i].Event); err != nil {
			return err
		}
	}
	return q.Queue.Redeliver(ctx, light...)
}

// whole returns an event with its body, unless that is missing or damaged for good.
func (q *Queue) whole(ctx context.Context, e *event.Event) (*event.Event, error) {
	if e.DataRef == "" {
		return e, nil
	}
	ref, err := blob.ParseRef(e.DataRef)
	if err != nil {
		return e, nil //nolint:nilerr // Its body can never be fetched.
	}
	data, err := q.cfg.get(ctx, ref)
	switch {
	case errors.Is(err, blob.ErrNotFound), errors.Is(err, blob.ErrCorrupt):
		return e, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	copied := *e
	copied.Data, copied.DataRef = data, ""
	return &copied, nil
}
