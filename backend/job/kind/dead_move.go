package kind

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// move replays or drops dead letters at the job's rate.
func (w *deadWork) move(ctx context.Context, found []*store.Record) error {
	if len(found) == 0 {
		return nil
	}
	if err := w.limit.WaitN(ctx, len(found)); err != nil {
		return fmt.Errorf("waiting for its turn: %w", err)
	}
	if w.Drop {
		return w.drop(ctx, found)
	}
	return w.replay(ctx, found)
}

func (w *deadWork) drop(ctx context.Context, found []*store.Record) error {
	changes := make([]*event.Event, len(found))
	for i, r := range found {
		var err error
		changes[i], err = event.NewChange(r.Event, event.Change{Status: event.StatusDropped, Replays: r.Replays, At: time.Now()})
		if err != nil {
			return err
		}
	}
	if err := w.Queue.Publish(ctx, changes...); err != nil {
		return fmt.Errorf("dropping dead letters: %w", err)
	}
	w.at.Done.Dropped += int64(len(found))
	return nil
}

// replay reads the bodies and queues the events, a few at a time.
func (w *deadWork) replay(ctx context.Context, found []*store.Record) error {
	var again []queue.Redelivery
	size := 0
	for i, listed := range found {
		r, err := deadletter.Get(ctx, w.Store, listed.Event.ID)
		switch {
		case errors.Is(err, store.ErrNotFound): // Erased or moved meanwhile.
			w.at.Done.Skipped++
		case err != nil:
			return err
		default:
			again, size = append(again, queue.Redelivery{Event: r.Event, Replays: r.Replays + 1}), size+len(r.Event.Data)
		}
		if size < deadBytes && i < len(found)-1 {
			continue
		}
		if err := w.redeliver(ctx, again); err != nil {
			return err
		}
		again, size = nil, 0
	}
	return nil
}

// redeliver queues events. Where the queue refuses one of several, each is tried by itself.
func (w *deadWork) redeliver(ctx context.Context, again []queue.Redelivery) error {
	if len(again) == 0 {
		return nil
	}
	err := w.Queue.Redeliver(ctx, again...)
	switch refused := errors.Is(err, queue.ErrInvalid) || errors.Is(err, queue.ErrTooLarge); {
	case err == nil:
		w.at.Done.Replayed += int64(len(again))
		return nil
	case refused && len(again) == 1:
		w.at.Done.Refused++
		return nil
	case !refused:
		return fmt.Errorf("replaying dead letters: %w", err)
	}
	for _, one := range again {
		if err := w.redeliver(ctx, []queue.Redelivery{one}); err != nil {
			return err
		}
	}
	return nil
}
