package sqlite

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Desk implements [queue.Queue].
func (q *Queue) Desk() *desk.Desk { return &q.desk }

// Answer implements [queue.Consumer]. What another process published has nobody who waits here.
func (c *consumer) Answer(_ context.Context, d *queue.Delivery, answer *event.Answer) bool {
	return c.q.desk.Offer(d.Event.ID, answer, time.Now())
}
