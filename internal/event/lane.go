package event

import (
	"cmp"
	"strings"
)

// A bot has lanes: to a queue each is like another bot, with a bound, an owner and a share of its own, so what is in one
// waits for nothing in another. The bot's own lane has its name; those of the rest end with a suffix. No bot's name has a
// dot.
const (
	answersLane = ".answers"
	bulkLane    = ".bulk"
)

// bulkKeys begin the order keys of bulk. So the class of an event is wherever its order key is: in queues, logs and
// replays, and in processes that know of no classes.
const bulkKeys = "/bulk/"

// LateAnswersOf is the lane of a bot's late answers. They have it for their bot, too: a dispatch that knows of no lanes is
// not to deliver them.
func LateAnswersOf(bot string) string { return bot + answersLane }

// BulkOf is the lane of a bot's bulk.
func BulkOf(bot string) string { return bot + bulkLane }

// LanesTo are the lanes of what is delivered to a bot. Its late answers are not.
func LanesTo(bot string) []string { return []string{bot, BulkOf(bot)} }

// BotOf is the bot of a lane.
func BotOf(lane string) string {
	bot, _, _ := strings.Cut(lane, ".")
	return bot
}

// Lane is where the event waits. All of an order key are in one.
func (e *Event) Lane() string {
	if e.IsBulk() {
		return BulkOf(e.Bot)
	}
	return e.Bot
}

// MakeBulk has the event wait while its bot has others. It is ordered among the bulk of its order key, and in none unless it
// was given one.
func (e *Event) MakeBulk() { e.OrderKey = bulkKeys + cmp.Or(e.OrderKey, e.ID) }

// IsBulk reports whether the event waits while its bot has others.
func (e *Event) IsBulk() bool { return strings.HasPrefix(e.OrderKey, bulkKeys) }

// validBot reports whether the event may have the bot that it has: a late answer may have the lane of those.
func (e *Event) validBot() bool {
	bot := BotOf(e.Bot)
	return ValidBot(bot) && (e.Bot == bot || e.IsLateAnswer() && e.Bot == LateAnswersOf(bot))
}
