package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/botgate/botgate/internal/event"
)

var (
	// ErrNoHistory means that the queue retains no history, see [Retention].
	ErrNoHistory = errors.New("the queue keeps no history")
	// ErrOffset means that [HistoryRange.After] is no offset of this queue.
	ErrOffset = errors.New("not an offset in the history of this queue")
)

// History is the log of accepted events that a queue retains after every group has
// acknowledged them; see [Retention].
type History interface {
	// ReadHistory calls show with each retained event, in the order of acceptance, up to
	// the last one that was there when the call began. It holds a bounded number of events
	// in memory and consumes nothing; show may take its time. It returns the first error of
	// show, or the context's, ErrNoHistory, ErrOffset, ErrUnavailable or ErrClosed. After
	// any error, reading can be resumed behind the last offset shown.
	ReadHistory(ctx context.Context, r HistoryRange, show func(HistoryRecord) error) error
	// Replay delivers records of the history again, in their order, to one group: Record or
	// Dispatch. No repeat window of an earlier delivery drops them; what still waits in the
	// group need not come twice. In Dispatch a change of each event
	// ([event.StatusReplayed]) is published with it. replayID becomes [Delivery.Replays]: a
	// record that is replayed again under the same id may be delivered once or twice, under
	// another id it is delivered anew; see [NewReplayID]. Errors are those of
	// [Queue.Publish], and [ErrOffset].
	Replay(ctx context.Context, group Group, replayID int, records ...HistoryRecord) error
	// HistoryReady returns nil unless this handle knows that what is accepted now will be missing in the
	// history: ErrUnavailable then, or ErrNoHistory where it was not told to keep one.
	HistoryReady() error
}

// HistoryRecord is an event in the history.
type HistoryRecord struct {
	Event *event.Event
	// Offset is where the record stands. Offsets belong to one queue.
	Offset string
}

// HistoryRange says where to begin.
type HistoryRange struct {
	// Since leaves out what the queue accepted earlier; a few events of the second before
	// may be shown. The zero time is the beginning.
	Since time.Time
	// After, if not empty, begins behind the record at this offset instead.
	After string
}

// NewReplayID returns the id of a replay that begins at a time, in seconds. It is greater than
// those of earlier replays, and than any number of redrives.
func NewReplayID(at time.Time) int { return int(min(at.Unix(), math.MaxInt32)) }

// CheckReplay reports a record that does not go to a group. It is for engines.
func CheckReplay(group Group, record HistoryRecord) error {
	if group == Record || group == Dispatch && record.Event.ForBot() {
		return nil
	}
	return fmt.Errorf("%w: event %s does not go to the group %q", ErrInvalid, record.Event.ID, group)
}
