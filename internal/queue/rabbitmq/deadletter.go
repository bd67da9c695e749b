package rabbitmq

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// ListDead implements [queue.DeadLetters], in the order of dead-lettering. Each page
// looks through all dead letters within [queue.MaxDeadScan].
func (q *Queue) ListDead(ctx context.Context, query queue.DeadQuery) (*queue.DeadPage, error) {
	query = query.Bounded()
	after, err := parseDeadCursor(query.After)
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	var found []*queue.DeadLetter
	more, err := q.browse(ctx, func(batch []*deadMessage) (bool, error) {
		for _, l := range batch {
			if query.Matches(l.DeadLetter) && after.before(deadCursorOf(l.DeadLetter)) {
				l.Event.Data = nil
				found = append(found, l.DeadLetter)
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	slices.SortStableFunc(found, func(a, b *queue.DeadLetter) int { return deadCursorOf(a).compare(deadCursorOf(b)) })
	page := &queue.DeadPage{Letters: found, Truncated: more}
	if len(found) > query.Limit {
		page.Letters = found[:query.Limit]
		page.Next = deadCursorOf(found[query.Limit-1]).String()
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
	result, err := q.moveDead(ctx, query, func(chosen []*deadMessage) error {
		var messages []message
		for _, l := range chosen {
			redriven, err := q.newRedrive(l)
			if err != nil {
				return err
			}
			messages = append(messages, redriven...)
		}
		return q.publish(ctx, messages)
	}, func(l *deadMessage) bool { return l.isEvent })
	if err != nil {
		return result, fmt.Errorf("redriving dead letters: %w", err)
	}
	return result, nil
}

// DropDead implements [queue.DeadLetters]; a query's After is ignored, as in Redrive.
func (q *Queue) DropDead(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, func([]*deadMessage) error { return nil }, func(*deadMessage) bool { return true })
	if err != nil {
		return result, fmt.Errorf("dropping dead letters: %w", err)
	}
	return result, nil
}

// moveDead acks the dead letters that match and are fit, once move has published them where they
// belong.
func (q *Queue) moveDead(ctx context.Context, query queue.DeadQuery, move func([]*deadMessage) error, fit func(*deadMessage) bool) (queue.DeadResult, error) {
	query = query.Bounded()
	var result queue.DeadResult
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

// deadCursor is where a dead letter stands in a list.
type deadCursor struct {
	at int64 // Microseconds since 1970.
	id string
}

func deadCursorOf(l *queue.DeadLetter) deadCursor { return deadCursor{l.At.UnixMicro(), l.Event.ID} }

func (p deadCursor) compare(other deadCursor) int {
	return cmp.Or(cmp.Compare(p.at, other.at), strings.Compare(p.id, other.id))
}

// before reports whether the cursor is before the other; the zero one is before all.
func (p deadCursor) before(other deadCursor) bool { return p == deadCursor{} || p.compare(other) < 0 }

func (p deadCursor) String() string { return strconv.FormatInt(p.at, 10) + "." + p.id }

func parseDeadCursor(cursor string) (deadCursor, error) {
	if cursor == "" || cursor == frontAgain {
		return deadCursor{}, nil
	}
	at, id, found := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if !found || err != nil {
		return deadCursor{}, queue.ErrCursor
	}
	return deadCursor{n, id}, nil
}
