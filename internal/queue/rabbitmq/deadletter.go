package rabbitmq

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"

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

// deadCursor is where a dead letter stands in a list: cursors sort like the times of dead-lettering.
func deadCursor(l *queue.DeadLetter) string {
	return fmt.Sprintf("%016x.%s", max(0, l.At.UnixMicro()), l.Event.ID)
}

var validDeadCursor = regexp.MustCompile(`^[0-9a-f]{16}\.`)
