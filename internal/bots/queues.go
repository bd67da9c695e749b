package bots

import (
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Queues returns the queues of the bots and of their other lanes.
func (s Set) Queues() queue.Bots {
	queues := queue.Bots{}
	for name, b := range s {
		addQueues(queues, name, b.Queues, b.Bulk)
		if b.Answers == AnswersPlatform {
			queues[event.LateAnswersOf(name)] = 1
		}
	}
	return queues
}

// Queues returns the queues that a gateway publishes to, which are none of late answers.
func (s InboundSet) Queues() queue.Bots {
	queues := queue.Bots{}
	for name, b := range s {
		addQueues(queues, name, b.Queues, b.Bulk)
	}
	return queues
}

// addQueues adds those of a bot's own lane, and of its bulk.
func addQueues(queues queue.Bots, name string, n int, hasBulk bool) {
	queues[name] = max(1, n)
	if hasBulk {
		queues[event.BulkOf(name)] = 1
	}
}
