package dispatch

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// joint is outcomes over a queue that is slow, and notes how many came at once.
type joint struct {
	outcomes

	mu               sync.Mutex
	published, acked []int
	release          chan error // A publish takes one.
	told             sync.WaitGroup
}

func newJoint() *joint {
	j := &joint{release: make(chan error)}
	j.publish = func(_ context.Context, events ...*event.Event) error {
		j.mu.Lock()
		j.published = append(j.published, len(events))
		j.mu.Unlock()
		return <-j.release
	}
	j.ack = func(_ context.Context, deliveries ...*queue.Delivery) error {
		j.acked = append(j.acked, len(deliveries))
		return nil
	}
	return j
}

// tellAll has outcomes of n deliveries, of which an ack settles each or none, and waits until nothing moves.
func (j *joint) tellAll(n int, settled bool) (all []*outcome) {
	for range n {
		o := &outcome{news: newEvent("e")}
		if settled {
			o.settles = &queue.Delivery{}
		}
		all = append(all, o)
		j.told.Go(func() { j.tell(context.Background(), o) })
	}
	synctest.Wait()
	return all
}

func (j *joint) answer(err error) {
	j.release <- err
	synctest.Wait()
}

func TestConcurrentOutcomesShareAPublishAndAnAck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJoint()
		j.tellAll(1, true)
		require.Equal(t, []int{1}, j.published, "nothing waits while nothing is under way")
		second := j.tellAll(10, true)
		j.tellAll(2, false)
		require.Equal(t, []int{1}, j.published, "what comes meanwhile waits")
		j.answer(nil)
		require.Equal(t, []int{1, 12}, j.published)
		require.Equal(t, []int{1}, j.acked, "no ack before the outcome is published")
		require.False(t, second[0].acked)
		j.answer(nil)
		require.Equal(t, []int{1, 10}, j.acked)
		for _, o := range second {
			require.True(t, o.acked && o.err == nil)
		}
		j.told.Wait()
		j.tellAll(1, true)
		require.Equal(t, []int{1, 12, 1}, j.published)
		j.answer(nil)
		j.told.Wait()
	})
}

// TestOutcomesWaitForNoMoreThanAFullPublish has a slow queue, which bounds no throughput.
func TestOutcomesWaitForNoMoreThanAFullPublish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJoint()
		j.tellAll(1, true)
		j.tellAll(2*maxJoined+3, true)
		require.Equal(t, []int{1, maxJoined, maxJoined}, j.published)
		for range 3 {
			j.answer(nil)
		}
		require.Equal(t, []int{1, maxJoined, maxJoined, 3}, j.published)
		j.answer(nil)
		j.told.Wait()
		require.False(t, j.busy)
		require.Empty(t, j.waiting)
	})
}

func TestOutcomesThatFailTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJoint()
		first, others := j.tellAll(1, true), j.tellAll(3, true)
		j.answer(queue.ErrUnavailable)
		require.False(t, first[0].shared || first[0].acked)
		require.ErrorIs(t, first[0].err, queue.ErrUnavailable)
		j.answer(queue.ErrInvalid)
		j.told.Wait()
		for _, o := range others {
			require.True(t, o.shared && !o.acked)
			require.ErrorIs(t, o.err, queue.ErrInvalid)
		}
		require.Empty(t, j.acked)
	})
}

// pickyQueue decides by what is published at once.
type pickyQueue struct {
	*fakeQueue
	take func(events []*event.Event) error
}

func (q pickyQueue) Publish(ctx context.Context, events ...*event.Event) error {
	if err := q.take(events); err != nil {
		return err
	}
	return q.fakeQueue.Publish(ctx, events...)
}

// TestNoOutcomeFailsForAnother has twenty of them share a publish, of which the queue will never take one, or that
// makes it panic.
func TestNoOutcomeFailsForAnother(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		fail func(events []*event.Event) error
		told int
	}{
		{"invalid", func(events []*event.Event) error {
			for _, e := range events {
				if c, _ := event.ParseChange(e); c.EventID == "e7" {
					return queue.ErrInvalid
				}
			}
			return nil
		}, 19},
		{"unavailable", func([]*event.Event) error { return queue.ErrUnavailable }, 20},
		{"panic", func([]*event.Event) error { panic("poison") }, 21}, // Whose publish it was is tried again.
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				q, held := newFakeQueue(), make(chan struct{})
				picky := pickyQueue{q, func(events []*event.Event) error {
					if len(events) == 1 {
						<-held
					}
					if len(events) > 1 || tc.name == "invalid" {
						return tc.fail(events)
					}
					return nil
				}}
				stop := running(t, newWithout(t, picky, func(*http.Request) (int, error) { return 200, nil }))
				for n := range 20 {
					q.put(1, newEvent(fmt.Sprint("e", n)))
				}
				synctest.Wait()
				close(held)
				settled := map[string]bool{}
				for len(settled) < 20 {
					if s := q.next(t); s.how == "ack" {
						require.False(t, settled[s.id])
						settled[s.id] = true
					}
				}
				require.Len(t, q.told(), tc.told)
				require.NoError(t, stop())
			})
		})
	}
}
