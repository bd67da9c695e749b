package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// PublishTo implements [queue.Queue]. A confirm of [Queue.Publish] is for all queues together, this one
// for one of them. A [queue.RefusedError] names it.
//
// The history has an event when it is published for Record, so each refusal of that queue leaves an entry.
func (q *Queue) PublishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	err := q.publishTo(ctx, group, e)
	if err != nil {
		return fmt.Errorf("publishing for %s: %w", group, err)
	}
	return nil
}

func (q *Queue) publishTo(ctx context.Context, group queue.Group, e *event.Event) error {
	if err := q.fits(e); err != nil {
		return err
	}
	if q.confirmed.has(e.ID) {
		return nil
	}
	if err := q.usable(ctx); err != nil {
		return err
	}
	m := newMessage(q.topology, e)
	m.destination = destination{q.topology.changes, e.Bot}
	if group == queue.Dispatch {
		if err := q.declareBotsOf(ctx, e); err != nil {
			return err
		}
		m.destination = destination{q.topology.dispatch(), q.topology.botKeyOf(e)}
	}
	return refusedBy(q.publish(ctx, []message{m}), func() []string { return []string{q.topology.home(group, e).name} })
}

// refusedBy fills the names of queues in that may have refused a publish.
func refusedBy(err error, names func() []string) error {
	if refused, ok := errors.AsType[*queue.RefusedError](err); ok && len(refused.Queues) == 0 {
		refused.Queues = names()
	}
	return err
}

// homes are the queues of events, each once.
func (t topology) homes(events []*event.Event) (names []string) {
	add := func(group queue.Group, e *event.Event) {
		if name := t.home(group, e).name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, e := range events {
		add(queue.Record, e)
		if e.ForBot() {
			add(queue.Dispatch, e)
		}
	}
	return names
}
