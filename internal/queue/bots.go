package queue

import "github.com/botgate/botgate/internal/event"

// MaxBotQueues bounds the queues of one bot.
const MaxBotQueues = 64

// Unrouted is the name under which [Queue.Depths] counts the events that no queue took where they
// belong, because one was deleted by hand. A consumer of their group moves them there.
const Unrouted Group = "unrouted"

// Bots says over how many queues the events of each bot are spread, by the bot's name: from 1 to
// [MaxBotQueues]. Events of one order key are always in the same.
type Bots map[string]int

// OfBot is the name under which [Queue.Depths] counts what a bot has in Dispatch, in all of its lanes.
func OfBot(bot string) Group { return Dispatch + "." + Group(event.BotOf(bot)) }
