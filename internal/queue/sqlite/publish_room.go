package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// selectSize reads how much of the file is in use; what was freed is used for new events.
const selectSize = `SELECT (p.page_count - f.freelist_count) * s.page_size
	FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s`

// measure finds out how large the file is. Until the next time, publishes add to that.
func (q *Queue) measure(ctx context.Context) error {
	var size int64
	if err := q.reader.QueryRowContext(ctx, selectSize).Scan(&size); err != nil {
		return fmt.Errorf("measuring the queue file: %w", err)
	}
	q.size.Store(size)
	return nil
}

// room says why the queue takes no more events, nil while it does. Changes of events are always taken:
// without them nothing would leave it.
func (q *Queue) room(events []*event.Event) error {
	limit := q.cfg.MaxBytes + q.cfg.History.MaxBytes
	refusable := func(e *event.Event) bool { return !e.IsChange() || e.IsReport() }
	if q.cfg.MaxBytes == 0 || q.size.Load() < limit || !slices.ContainsFunc(events, refusable) {
		return nil
	}
	return fmt.Errorf("%w: the queue is full: its file may have %d bytes beside its history (option queue, max_size)",
		queue.ErrUnavailable, q.cfg.MaxBytes)
}
