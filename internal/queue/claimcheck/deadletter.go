package claimcheck

import (
	"context"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/queue"
)

// ListDead implements [queue.DeadLetters].
func (q *Queue) ListDead(ctx context.Context, query queue.DeadQuery) (*queue.DeadPage, error) {
	page, err := q.Queue.ListDead(ctx, query)
	if err != nil {
		return nil, err
	}
	for _, l := range page.Letters {
		setSize(l)
	}
	return page, nil
}

// GetDead implements [queue.DeadLetters]. A dead letter whose body is not in the blob store any
// more is returned without it, and with the reference.
func (q *Queue) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	letter, err := q.Queue.GetDead(ctx, id)
	if err != nil {
		return nil, err
	}
	setSize(letter)
	if letter.Event, err = q.whole(ctx, letter.Event); err != nil {
		return nil, err
	}
	return letter, nil
}

// setSize sets the size of a dead letter to that of the body its reference stands for.
func setSize(l *queue.DeadLetter) {
	if ref, err := blob.ParseRef(l.Event.DataRef); err == nil {
		l.Size = ref.Size
	}
}
