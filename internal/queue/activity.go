package queue

import "time"

// Activity is what a handle knows of Dispatch beside its depth.
type Activity struct {
	// Owned is how many queues of bots this handle's consumers work on; -1 where they have none.
	Owned int
	// Bots are those that have anything in Dispatch, as far as this handle knows.
	Bots map[string]BotActivity
}

// BotActivity is what is known of a bot's events.
type BotActivity struct {
	// InFlight counts those that a consumer has and did not settle: handed out, or held ready for it.
	InFlight int64
	// Oldest is when the oldest of all of them was accepted; zero if that is not known.
	Oldest time.Time
}

// Add counts another event in flight.
func (b BotActivity) Add(accepted time.Time) BotActivity {
	b.InFlight++
	if b.Oldest.IsZero() || accepted.Before(b.Oldest) {
		b.Oldest = accepted
	}
	return b
}
