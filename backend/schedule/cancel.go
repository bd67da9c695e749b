package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/event"
)

// ErrNotScheduled means that an event does not wait for its time: it never did, or that has come.
var ErrNotScheduled = errors.New("the event is not scheduled any more")

// Canceller takes scheduled events back.
type Canceller struct {
	// Store has the events. Required.
	Store Store
	// Publish has the history know, too. Required.
	Publish func(ctx context.Context, events ...*event.Event) error
	// Notify is told what was recorded. Required.
	Notify func([]store.Entry)
}

// Cancel cancels an event, which is as its record has it or further: when it returns nil, the event is never delivered.
// ErrNotScheduled means that it will be, or was. It can be repeated.
func (c Canceller) Cancel(ctx context.Context, record *store.Record) error {
	change, err := c.take(store.Fresh(ctx), record)
	if err != nil {
		return err
	}
	if err := c.Publish(ctx, change); err != nil {
		return fmt.Errorf("telling the queue of a cancelled event: %w", err)
	}
	return nil
}

// take records the first turn of an event as cancelled, if no other one is there, and returns it.
func (c Canceller) take(ctx context.Context, record *store.Record) (*event.Event, error) {
	if record.Status == event.StatusScheduled {
		change, err := event.NewTurn(record.Event, event.StatusCancelled, 1, time.Now())
		if err != nil {
			return nil, err
		}
		recorded, err := appendAll(ctx, c.Store, c.Notify, []*event.Event{change})
		if err != nil || len(recorded) > 0 {
			return change, err
		}
		if record, err = c.Store.Get(ctx, record.Event.ID); err != nil { // Somebody else was faster.
			return nil, fmt.Errorf("reading an event: %w", err)
		}
	}
	if record.Status == event.StatusCancelled {
		return event.NewTurn(record.Event, event.StatusCancelled, 1, record.UpdatedAt)
	}
	return nil, ErrNotScheduled
}
