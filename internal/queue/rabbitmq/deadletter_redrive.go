package rabbitmq

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Redrive implements [queue.DeadLetters]. Redriven events stand behind everything that waits. A
// query's After is ignored, since each redrive begins at the front.
func (q *Queue) Redrive(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, func(l *deadMessage) bool { return l.isEvent }, func(chosen []*deadMessage) error {
		var messages []message
		for _, l := range chosen {
			if err := q.declareBotsOf(ctx, l.Event); err != nil {
				return err
			}
			redriven, err := q.newRedrive(l)
			if err != nil {
				return err
			}
			messages = append(messages, redriven...)
		}
		return q.publish(ctx, messages)
	})
	if err != nil {
		return result, fmt.Errorf("redriving dead letters: %w", err)
	}
	return result, nil
}

// DropDead implements [queue.DeadLetters]; a query's After is ignored, as in Redrive.
func (q *Queue) DropDead(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, func(*deadMessage) bool { return true }, func([]*deadMessage) error { return nil })
	if err != nil {
		return result, fmt.Errorf("dropping dead letters: %w", err)
	}
	return result, nil
}

// moveDead acks the dead letters that match and are fit, once move has published them where they
// belong.
func (q *Queue) moveDead(ctx context.Context, query queue.DeadQuery,
	fit func(*deadMessage) bool, move func([]*deadMessage) error,
) (result queue.DeadResult, err error) {
	query = query.Bounded()
	more, err := q.browse(ctx, func(batch []*deadMessage) (bool, error) {
		var chosen []*deadMessage
		for _, l := range batch {
			switch {
			case !query.Matches(l.DeadLetter) || result.Done+len(chosen) == query.Limit:
			case fit(l):
				chosen = append(chosen, l)
			default:
				result.Skipped++
			}
		}
		if err := move(chosen); err != nil {
			return true, err
		}
		for _, l := range chosen {
			l.done = true
		}
		result.Done += len(chosen)
		return result.Done == query.Limit, nil
	})
	if more && result.Done == query.Limit {
		// What was skipped is counted by the last call, which sees it again.
		result.Next, result.Skipped = frontAgain, 0
	} else {
		result.Truncated = more
	}
	return result, err
}

// frontAgain is the Next of a redrive or drop, which begins at the front each time.
const frontAgain = "front"

// newRedrive makes the messages of a redrive: the event for the group that dead-lettered it, and
// the change for Record. What somebody moved by hand goes to all groups.
func (q *Queue) newRedrive(l *deadMessage) ([]message, error) {
	replays := l.Replays + 1
	m := forward(l.message, "")
	delete(m.Headers, headerDead)
	m.Headers[headerReplays] = int64(replays)
	switch l.Group {
	case queue.Record:
		m.key = q.topology.record()
		return []message{m}, nil
	case queue.Dispatch:
		m.key = q.topology.home(queue.Dispatch, l.Event).name
	default:
		m.exchange, m.key = q.topology.exchange(), q.topology.routingKey(l.Event)
	}
	change, err := event.NewReplay(l.Event, replays, time.Now())
	if err != nil {
		return nil, err
	}
	return []message{m, newMessage(q.topology, change)}, nil
}
