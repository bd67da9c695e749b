package claimcheck

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/queue"
)

var _ queue.DeadLetters = (*Queue)(nil)

func (q *Queue) letters() (queue.DeadLetters, error) {
	letters, ok := queue.As[queue.DeadLetters](q.Queue)
	if !ok {
		return nil, fmt.Errorf("%w: it has no dead letters", queue.ErrUnavailable)
	}
	return letters, nil
}

// ListDead implements [queue.DeadLetters].
func (q *Queue) ListDead(ctx context.Context, query queue.DeadQuery) (*queue.DeadPage, error) {
	letters, err := q.letters()
	if err != nil {
		return nil, err
	}
	page, err := letters.ListDead(ctx, query)
	if err != nil {
		return nil, err
	}
	for _, l := range page.Letters {
		if ref, err := blob.ParseRef(l.Event.DataRef); err == nil {
			l.Size = ref.Size
		}
	}
	return page, nil
}

// GetDead implements [queue.DeadLetters]. A dead letter whose body is not there any more is
// shown without it, and with the reference.
func (q *Queue) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	letters, err := q.letters()
	if err != nil {
		return nil, err
	}
	letter, err := letters.GetDead(ctx, id)
	if err != nil || letter.Event.DataRef == "" {
		return letter, err
	}
	if ref, err := blob.ParseRef(letter.Event.DataRef); err == nil {
		letter.Size = ref.Size
	}
	if letter.Event, err = q.whole(ctx, letter.Event); err != nil {
		return nil, err
	}
	return letter, nil
}

// ReplayDead implements [queue.DeadLetters]. The body stays where it is.
func (q *Queue) ReplayDead(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	letters, err := q.letters()
	if err != nil {
		return queue.DeadResult{}, err
	}
	return letters.ReplayDead(ctx, query)
}

// DropDead implements [queue.DeadLetters]. The body is left to the store's retention.
func (q *Queue) DropDead(ctx context.Context, query queue.DeadQuery) (queue.DeadResult, error) {
	letters, err := q.letters()
	if err != nil {
		return queue.DeadResult{}, err
	}
	return letters.DropDead(ctx, query)
}
