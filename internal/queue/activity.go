package queue

import (
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Activity is what a handle knows of what waits and is worked on, beside the depths.
type Activity struct {
	// Owned is how many queues of bots this handle's consumers work on; -1 where they have none.
	Owned int
	// Bots are those that have anything in Dispatch, as far as this handle knows.
	Bots map[string]BotActivity
	// Oldest has when the oldest event of Record was accepted that waits or is in flight, zero for none, where
	// this handle knows of that group. Replays are left out, as in [BotActivity], and so is what is parked.
	Oldest map[Group]time.Time
}

// NewActivity is that of a handle without consumers. It is for engines.
func NewActivity() Activity {
	return Activity{Owned: -1, Bots: map[string]BotActivity{}, Oldest: map[Group]time.Time{}}
}

// BotActivity is what is known of a bot's events.
type BotActivity struct {
	// InFlight counts those that a consumer has and did not settle: handed out, or held ready for it.
	InFlight int64
	// Oldest is when the oldest of all that wait or are in flight was accepted; zero if that is not known. Replays
	// are left out, as they were accepted long before anybody asked for them, and so is
	// what has a lane of its own, as bulk, which is to wait.
	Oldest time.Time
}

// Add counts another delivery in flight.
func (b BotActivity) Add(d *Delivery) BotActivity {
	at := d.Event.Time
	if d.Replays > 0 {
		at = time.Time{}
	}
	return b.AddLane(d.Event.Lane(), 1, at)
}

// AddLane counts what a lane has, the oldest of which was accepted at a time; zero where that is not known.
func (b BotActivity) AddLane(lane string, inFlight int64, oldest time.Time) BotActivity {
	b.InFlight += inFlight
	if event.BotOf(lane) == lane {
		b.Oldest = Older(b.Oldest, oldest)
	}
	return b
}

// Older is the earlier of two times, where zero is none.
func Older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
