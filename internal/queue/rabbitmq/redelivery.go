package rabbitmq

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

// Redeliver implements [queue.Queue]. Another process may have handled the same redelivery before:
// only the one that did drops it.
func (q *Queue) Redeliver(ctx context.Context, events ...queue.Redelivery) error {
	err := q.usable(ctx)
	var messages []message
	for n := 0; err == nil && n < len(events); n++ {
		var again []message
		if again, err = q.redelivery(ctx, events[n]); err == nil {
			messages = append(messages, again...)
		}
	}
	if err == nil {
		err = q.publish(ctx, messages)
	}
	if err != nil {
		return fmt.Errorf("redelivering: %w", err)
	}
	return nil
}

// redelivery makes the messages of a redelivery: the event for its bot's queue alone, and the change
// for Record.
func (q *Queue) redelivery(ctx context.Context, r queue.Redelivery) ([]message, error) {
	if err := q.fits(r.Event); err != nil {
		return nil, err
	}
	change, err := r.Change()
	if err != nil {
		return nil, err
	}
	if err := q.declareBotsOf(ctx, r.Event); err != nil {
		return nil, err
	}
	m := newMessage(q.topology, r.Event)
	m.destination = toQueue(q.topology.home(queue.Dispatch, r.Event).name)
	if r.Replays > 0 {
		m.Headers[headerReplays] = int64(r.Replays)
	}
	messages := []message{m}
	if change != nil {
		messages = append(messages, newMessage(q.topology, change))
	}
	return messages, nil
}
