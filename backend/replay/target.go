package replay

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Group is a group of the queue as a target.
type Group struct {
	Queue queue.History
	Group queue.Group
	// ReplayID is the number of the replay; see [queue.NewReplayID].
	ReplayID int
}

// Takes implements [Target].
func (g Group) Takes(e *event.Event) bool { return g.Group == queue.Record || e.ForBot() }

// Send implements [Target].
func (g Group) Send(ctx context.Context, records []queue.HistoryRecord) (refused int, err error) {
	return 0, g.Queue.Replay(ctx, g.Group, g.ReplayID, records...)
}

// Receiver is an HTTP address as a target. It gets events one at a time, in the order of the
// history, and no changes of status.
type Receiver struct {
	// Post sends one event. Refused recognises the errors of events that the receiver rejects
	// permanently; they go to Report.
	Post    func(ctx context.Context, e *event.Event) error
	Refused func(error) bool
	Report  func(error)
}

// Takes implements [Target].
func (r Receiver) Takes(e *event.Event) bool { return e.ForBot() }

// Send implements [Target].
func (r Receiver) Send(ctx context.Context, records []queue.HistoryRecord) (refused int, err error) {
	for _, record := range records {
		if record.Event.DataRef != "" {
			refused++
			r.Report(fmt.Errorf("event %s: its body is not in the blob store any more: %s", record.Event.ID, record.Event.DataRef))
			continue
		}
		err := r.Post(ctx, record.Event)
		switch {
		case err == nil:
		case r.Refused(err):
			refused++
			r.Report(err)
		default:
			return refused, err
		}
	}
	return refused, nil
}
