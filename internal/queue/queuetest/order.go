package queuetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/queue"
)

var orderCases = []testCase{
	{"one delivery at a time for a key, keys side by side", orderByKey},
	{"the same key of two bots is two keys", orderByBot},
	{"holds across a restart", orderSurvivesRestart},
	{"holds with many consumers and retries", orderWithManyConsumers},
}

func orderByKey(t *testing.T, e *env) {
	a, b := e.events(2, "a"), e.events(2, "b")
	e.publish(e.q, a...)
	e.publish(e.q, b...)
	c := e.subscribe(e.q, queue.Dispatch)
	heads := c.take(2)
	require.ElementsMatch(t, []string{a[0].ID, b[0].ID}, deliveredIDs(heads))
	c.none()
	for _, head := range heads {
		c.ack(head)
		next := c.one()
		require.Equal(t, head.Event.OrderKey, next.Event.OrderKey)
		c.ack(next)
	}
}

func orderByBot(t *testing.T, e *env) {
	mine, other := e.event("key"), e.event("key")
	other.Bot = e.bot + "-2"
	e.consumes(mine.Bot, other.Bot)
	e.publish(e.q, mine, other)
	ds := e.subscribe(e.q, queue.Dispatch).take(2)
	require.ElementsMatch(t, []string{mine.ID, other.ID}, deliveredIDs(ds))
}

func orderSurvivesRestart(t *testing.T, e *env) {
	q := e.open()
	sent := e.events(4, "key")
	e.publish(q, sent[:2]...)
	c := e.subscribe(q, queue.Dispatch)
	c.ack(c.one())
	c.one() // Held when the handle closes.
	e.publish(q, sent[2])
	require.NoError(t, q.Close())

	q = e.open()
	e.publish(q, sent[3])
	c = e.subscribe(q, queue.Dispatch)
	for _, want := range sent[1:] {
		d := c.one()
		require.Equal(t, want.ID, d.Event.ID)
		c.ack(d)
	}
}

// keyOrder checks that order keys are kept apart and in order.
type keyOrder struct {
	mu    sync.Mutex
	busy  map[string]bool
	acked map[string][]string
	left  int
	done  context.CancelFunc
}

func (o *keyOrder) enter(key string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy[key] {
		return fmt.Errorf("two deliveries of %s at once", key)
	}
	o.busy[key] = true
	return nil
}

// leave must be called before the delivery is settled: the next one may come at once.
func (o *keyOrder) leave(d *queue.Delivery, acked bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := d.Event.OrderKey
	o.busy[key] = false
	if acked {
		o.acked[key] = append(o.acked[key], d.Event.ID)
		o.left--
	}
}

func (o *keyOrder) finished() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.left == 0 {
		o.done()
	}
}

// work settles deliveries until all events are acknowledged, some of them after retries.
func (o *keyOrder) work(ctx context.Context, c queue.Consumer) error {
	for {
		ds, err := c.Receive(ctx, 4)
		if err != nil {
			return err
		}
		for _, d := range ds {
			if err := o.enter(d.Event.OrderKey); err != nil {
				return err
			}
		}
		for _, d := range ds {
			again := d.Attempt < 3 && rand.IntN(4) == 0
			o.leave(d, !again)
			if again {
				err = c.Retry(ctx, d, rand.N(10*time.Millisecond))
			} else {
				err = c.Ack(ctx, d)
			}
			if err != nil {
				return err
			}
		}
		o.finished()
	}
}

func orderWithManyConsumers(t *testing.T, e *env) {
	const keys, each = 6, 8
	limited, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	until, done := context.WithCancel(limited)
	defer done()
	o := &keyOrder{busy: map[string]bool{}, acked: map[string][]string{}, left: keys * each, done: done}
	work, ctx := errgroup.WithContext(until)
	for _, q := range []queue.Queue{e.q, e.open()} {
		c := e.subscribe(q, queue.Dispatch)
		for range 3 {
			work.Go(func() error { return o.work(ctx, c) })
		}
	}
	want := map[string][]string{}
	for range each {
		for k := range keys {
			ev := e.event(fmt.Sprintf("key-%d", k))
			want[ev.OrderKey] = append(want[ev.OrderKey], ev.ID)
			e.publish(e.q, ev)
		}
	}
	require.ErrorIs(t, work.Wait(), context.Canceled)
	require.Equal(t, want, o.acked)
}
