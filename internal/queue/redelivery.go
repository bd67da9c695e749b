package queue

import (
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Redelivery is an event of the log that the group Dispatch is to get again.
type Redelivery struct {
	// Event is the event, with its body.
	Event *event.Event
	// Replays becomes [Delivery.Replays]: one more than at its last delivery where that came to an
	// end, or the same number where it is not known to have arrived.
	Replays int
}

// Change is the change that is to be published with it, nil for none; an error is ErrInvalid. It is
// for engines.
func (r Redelivery) Change() (*event.Event, error) {
	switch {
	case !r.Event.ForBot():
		return nil, fmt.Errorf("%w: event %s does not go to the group %s", ErrInvalid, r.Event.ID, Dispatch)
	case r.Replays == 0:
		return nil, nil //nolint:nilnil // Nothing happened to the event.
	}
	change, err := event.NewReplay(r.Event, r.Replays, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return change, nil
}
