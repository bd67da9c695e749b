package rabbitmq

import (
	"strconv"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// declared is a bot, or another lane of one, that has queues.
type declared struct {
	keys []string // The routing keys of the queues.
	// closed says that nothing goes there any more, since its bot has no such lane now. What is left there counts.
	closed bool
}

// learn notes how many queues bots have, and which lanes they have no more.
func (t topology) learn(bots queue.Bots) {
	for bot, n := range bots {
		t.bots.Store(bot, declared{keys: botKeys(bot, n)})
		for _, lane := range event.LanesTo(bot) {
			if known, ok := t.bots.Load(lane); ok && bots[lane] == 0 {
				t.bots.Store(lane, declared{keys: known.(declared).keys, closed: true})
			}
		}
	}
}

// keysOf are the routing keys of a bot's queues.
func (t topology) keysOf(bot string) []string {
	known, ok := t.bots.Load(bot)
	switch {
	case !ok:
		return botKeys(bot, 1)
	case t.shared:
		return known.(declared).keys[:1]
	}
	return known.(declared).keys
}

// lane is whose queues an event goes to: those of its lane only where these were declared, so that somebody consumes them,
// and where bots have queues of their own.
func (t topology) lane(e *event.Event) string {
	lane := e.Lane()
	if known, ok := t.bots.Load(lane); !ok || known.(declared).closed || t.shared {
		return e.Bot
	}
	return lane
}

// queuesOf is how many queues a bot has.
func (t topology) queuesOf(bot string) int { return len(t.keysOf(bot)) }

// botQueue is the n-th queue of a bot, from 0. The first has no number, so that a bot that gets more
// keeps it.
func (t topology) botQueue(bot string, n int) string {
	switch {
	case t.shared:
		return t.prefix + ".shared." + strconv.Itoa(event.Bucket(bot, sharedQueues))
	case n == 0:
		return t.prefix + ".bot." + bot
	}
	return t.prefix + ".bot." + bot + "." + strconv.Itoa(n)
}

// ofBots lists the queues of bots.
func (t topology) ofBots(bots ...string) []declaration {
	var all []declaration
	index := map[string]int{}
	for _, bot := range bots {
		keys := t.keysOf(bot)
		for n, key := range keys {
			name := t.botQueue(bot, n)
			at, known := index[name]
			if !known {
				at = len(all)
				index[name] = at
				all = append(all, declaration{name: name, exchange: t.dispatch(), args: ordered(), part: len(keys)})
				if !t.shared {
					all[at].bot = bot
				}
			}
			all[at].keys = append(all[at].keys, key)
		}
	}
	return all
}

// botKeyOf is the routing key of an event in Dispatch.
func (t topology) botKeyOf(e *event.Event) string {
	keys := t.keysOf(t.lane(e))
	return keys[e.Bucket(len(keys))]
}

// botKeys are the routing keys of a bot that is said to have so many queues.
func botKeys(bot string, number int) []string {
	keys := make([]string, max(1, min(number, queue.MaxBotQueues)))
	for n := range keys {
		keys[n] = bot + "." + strconv.Itoa(n)
	}
	return keys
}
