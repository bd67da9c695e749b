package claimcheck

import (
	"context"
	"errors"
	"fmt"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var _ queue.Historian = (*Queue)(nil)

func (q *Queue) historian() (queue.Historian, error) {
	history, ok := queue.As[queue.Historian](q.Queue)
	if !ok {
		return nil, queue.ErrNoHistory
	}
	return history, nil
}

// History implements [queue.Historian]. An event whose body is not there any more is shown
// without it, and with the reference.
func (q *Queue) History(ctx context.Context, r queue.HistoryRange, show func(queue.Entry) error) error {
	history, err := q.historian()
	if err != nil {
		return err
	}
	return history.History(ctx, r, func(entry queue.Entry) error {
		whole, err := q.whole(ctx, entry.Event)
		if err != nil {
			return err
		}
		entry.Event = whole
		return show(entry)
	})
}

// Replay implements [queue.Historian]. Large bodies are put again, so that their age counts
// from now.
func (q *Queue) Replay(ctx context.Context, group queue.Group, run int, entries ...queue.Entry) error {
	history, err := q.historian()
	if err != nil {
		return err
	}
	light := append(make([]queue.Entry, 0, len(entries)), entries...)
	for i := range light {
		if light[i].Event, err = q.light(ctx, light[i].Event); err != nil {
			return err
		}
	}
	return history.Replay(ctx, group, run, light...)
}

// whole returns an event with its body, unless that is gone for good.
func (q *Queue) whole(ctx context.Context, e *event.Event) (*event.Event, error) {
	if e.DataRef == "" {
		return e, nil
	}
	ref, err := blob.ParseRef(e.DataRef)
	if err != nil {
		return e, nil //nolint:nilerr // It will never have one.
	}
	if q.cfg.Blobs == nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, errNoStore)
	}
	bounded, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	data, err := q.cfg.Blobs.Get(bounded, ref)
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
