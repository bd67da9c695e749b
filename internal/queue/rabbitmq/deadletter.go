package rabbitmq

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// ListDead implements [queue.DeadLetters], in the order of dead-lettering. Each page
// looks through all dead letters within [queue.MaxDeadScan].
func (q *Queue) ListDead(ctx context.Context, query queue.DeadQuery) (*queue.DeadPage, error) {
	query = query.Bounded()
	after := query.After
	switch {
	case after == frontAgain:
		after = ""
	case after != "" && !validDeadCursor.MatchString(after):
		return nil, fmt.Errorf("listing dead letters: %w", queue.ErrCursor)
	}
	found := map[string]*queue.DeadLetter{}
	more, err := q.browse(ctx, func(batch []*deadMessage) (bool, error) {
		for _, l := range batch {
			if cursor := deadCursor(l.DeadLetter); cursor > after && query.Matches(l.DeadLetter) {
				l.Event.Data = nil
				found[cursor] = l.DeadLetter
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	cursors, page := slices.Sorted(maps.Keys(found)), &queue.DeadPage{Truncated: more}
	if len(cursors) > query.Limit {
		cursors = cursors[:query.Limit]
		page.Next = cursors[query.Limit-1]
	}
	for _, cursor := range cursors {
		page.Letters = append(page.Letters, found[cursor])
	}
	return page, nil
}

// GetDead implements [queue.DeadLetters].
func (q *Queue) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	var last *queue.DeadLetter
	_, err := q.browse(ctx, func(batch []*deadMessage) (bool, error) {
		for _, l := range batch {
			if l.Event.ID == id && (last == nil || l.At.After(last.At)) {
				last = l.DeadLetter
			}
		}
		return false, nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("looking for a dead letter: %w", err)
	case last == nil:
		return nil, queue.ErrNotFound
	}
	return last, nil
}

// Redrive implements [queue.DeadLetters]. Redriven events stand behind everything that waits. A
// query's After is ignored, since each redrive begins at the front.
func (q *Queue) Redrive(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, func(l *deadMessage) bool { return l.isEvent }, func(chosen []*deadMessage) error {
		var messages []message
		for _, l := range chosen {
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
		m.key = q.topology.dispatch(l.Event.Partition())
	default:
		m.exchange, m.key = q.topology.exchange(), routingKey(l.Event)
	}
	change, err := event.NewReplay(l.Event, replays, time.Now())
	if err != nil {
		return nil, err
	}
	return []message{m, newMessage(q.topology, change)}, nil
}

// deadCursor is where a dead letter stands in a list: cursors sort like the times of dead-lettering.
func deadCursor(l *queue.DeadLetter) string {
	return fmt.Sprintf("%016x.%s", max(0, l.At.UnixMicro()), l.Event.ID)
}

var validDeadCursor = regexp.MustCompile(`^[0-9a-f]{16}\.`)
