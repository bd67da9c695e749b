package app

import (
	"context"
	"fmt"

	"github.com/botgate/botgate/internal/queue"
)

// deadLetters are those of the process's queue.
type deadLetters struct{ *lateQueue }

func (d deadLetters) letters(ctx context.Context) (queue.DeadLetters, error) {
	q, err := d.get(ctx)
	if err != nil {
		return nil, err
	}
	letters, ok := queue.As[queue.DeadLetters](q)
	if !ok {
		return nil, fmt.Errorf("%w: it has no dead letters", queue.ErrUnavailable)
	}
	return letters, nil
}

// ListDead implements [queue.DeadLetters].
func (d deadLetters) ListDead(ctx context.Context, q queue.DeadQuery) (*queue.DeadPage, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return nil, err
	}
	return l.ListDead(ctx, q)
}

// GetDead implements [queue.DeadLetters].
func (d deadLetters) GetDead(ctx context.Context, id string) (*queue.DeadLetter, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return nil, err
	}
	return l.GetDead(ctx, id)
}

// ReplayDead implements [queue.DeadLetters].
func (d deadLetters) ReplayDead(ctx context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return queue.DeadResult{}, err
	}
	return l.ReplayDead(ctx, q)
}

// DropDead implements [queue.DeadLetters].
func (d deadLetters) DropDead(ctx context.Context, q queue.DeadQuery) (queue.DeadResult, error) {
	l, err := d.letters(ctx)
	if err != nil {
		return queue.DeadResult{}, err
	}
	return l.DropDead(ctx, q)
}
