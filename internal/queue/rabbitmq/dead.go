package rabbitmq

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// ListDead implements [queue.DeadLetters], in the order of death. Each page looks through
// all dead letters within [queue.MaxDeadScan].
func (q *Queue) ListDead(ctx context.Context, query queue.DeadQuery) (*queue.DeadPage, error) {
	query = query.Bounded()
	after, err := parsePlace(query.After)
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	var found []*queue.DeadLetter
	more, err := q.browse(ctx, func(batch []*letter) (bool, error) {
		for _, l := range batch {
			if query.Matches(l.DeadLetter) && after.before(placeOf(l.DeadLetter)) {
				l.Event.Data = nil
				found = append(found, l.DeadLetter)
			}
		}
		return false, nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	slices.SortStableFunc(found, func(a, b *queue.DeadLetter) int { return placeOf(a).compare(placeOf(b)) })
	page := &queue.DeadPage{Letters: found, Truncated: more}
	if len(found) > query.Limit {
		page.Letters = found[:query.Limit]
		page.Next = placeOf(found[query.Limit-1]).String()
	}
	return page, nil
}

// GetDead implements [queue.DeadLetters].
func (q *Queue) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	var last *queue.DeadLetter
	_, err := q.browse(ctx, func(batch []*letter) (bool, error) {
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

// Redrive implements [queue.DeadLetters]. What comes back stands behind everything that
// waits. A query's After means nothing here, since a replay begins at the front each time.
func (q *Queue) Redrive(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, func(chosen []*letter) error {
		var messages []message
		for _, l := range chosen {
			replay, err := q.newReplay(l)
			if err != nil {
				return err
			}
			messages = append(messages, replay...)
		}
		return q.publish(ctx, messages)
	}, func(l *letter) bool { return l.isEvent })
	if err != nil {
		return result, fmt.Errorf("redriving dead letters: %w", err)
	}
	return result, nil
}

// DropDead implements [queue.DeadLetters]; a query's After means nothing, as in Redrive.
func (q *Queue) DropDead(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	result, err := q.moveDead(ctx, query, func([]*letter) error { return nil }, func(*letter) bool { return true })
	if err != nil {
		return result, fmt.Errorf("dropping dead letters: %w", err)
	}
	return result, nil
}

// moveDead takes what matches and is fit out of the dead letters, once move has put it
// where it belongs.
func (q *Queue) moveDead(ctx context.Context, query queue.DeadQuery, move func([]*letter) error, fit func(*letter) bool) (queue.DeadResult, error) {
	query = query.Bounded()
	var result queue.DeadResult
	more, err := q.browse(ctx, func(batch []*letter) (bool, error) {
		var chosen []*letter
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

// frontAgain is the Next of a replay or drop, which begins at the front each time.
const frontAgain = "front"

// newReplay makes the messages of a replay: the event for the group that buried it, and
// the change for Record. What somebody moved by hand goes to all groups.
func (q *Queue) newReplay(l *letter) ([]message, error) {
	replays := l.Replays + 1
	headers := amqp.Table{}
	for name, value := range l.message.Headers {
		if !strings.HasPrefix(name, "x-") && !strings.HasPrefix(name, headerDead) {
			headers[name] = value
		}
	}
	headers[headerReplays] = int64(replays)
	m := newMessage(q.topology, l.Event)
	m.Headers = headers
	m.ContentType = l.message.ContentType
	switch l.Group {
	case queue.Record:
		m.exchange, m.key = "", q.topology.record()
		return []message{m}, nil
	case queue.Dispatch:
		m.exchange, m.key = "", q.topology.dispatch(l.Event.Partition())
	}
	news, err := event.NewReplay(l.Event, replays, time.Now())
	if err != nil {
		return nil, err
	}
	return []message{m, newMessage(q.topology, news)}, nil
}

// place is where a dead letter stands in a list.
type place struct {
	at int64 // Microseconds since 1970.
	id string
}

func placeOf(l *queue.DeadLetter) place { return place{l.At.UnixMicro(), l.Event.ID} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.at, other.at), strings.Compare(p.id, other.id))
}

// before reports whether the place comes before the other; nowhere comes before all.
func (p place) before(other place) bool { return p == place{} || p.compare(other) < 0 }

func (p place) String() string { return strconv.FormatInt(p.at, 10) + "." + p.id }

func parsePlace(cursor string) (place, error) {
	if cursor == "" || cursor == frontAgain {
		return place{}, nil
	}
	at, id, found := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if !found || err != nil {
		return place{}, queue.ErrCursor
	}
	return place{n, id}, nil
}
