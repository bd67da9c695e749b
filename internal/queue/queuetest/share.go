package queuetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var shareCases = []testCase{
	{"two handles share a group, each event goes to one", shareBetweenHandles},
	{"an event of one handle wakes a consumer of another", shareWakes},
	{"consumers join and leave, nothing is lost or doubled", shareJoinAndLeave},
}

func shareBetweenHandles(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		sent := e.manyKeys(40)
		seen := newTally(len(sent))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		work, ctx := errgroup.WithContext(ctx)
		consumers := []*consumer{e.subscribe(e.q, group), e.subscribe(e.open(), group)}
		for _, c := range consumers {
			work.Go(func() error { return seen.consume(ctx, c, 5) })
		}
		e.publish(e.q, sent...)
		require.NoError(t, work.Wait())
		cancel()
		require.ElementsMatch(t, idsOf(sent), seen.ids)
		e.depth(e.q, group, 0)
		for _, c := range consumers {
			c.close()
		}
		e.drain()
	}
}

func shareWakes(t *testing.T, e *env) {
	other := e.open()
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		c := e.subscribe(e.q, group)
		for range 3 {
			ev := e.event("key")
			e.publish(other, ev)
			d := c.one()
			require.Equal(t, ev.ID, d.Event.ID)
			c.ack(d)
		}
		c.close()
		e.drain()
	}
}

// shareJoinAndLeave has consumers of two handles come and go, each leaving some of what
// it received unsettled, until every event was acknowledged.
func shareJoinAndLeave(t *testing.T, e *env) {
	for _, group := range []queue.Group{queue.Record, queue.Dispatch} {
		sent := e.manyKeys(48)
		seen := newTally(len(sent))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		work, ctx := errgroup.WithContext(ctx)
		for _, q := range []queue.Queue{e.q, e.open()} {
			work.Go(func() error {
				for seen.open() {
					if err := seen.visit(ctx, q, group, e.bots); err != nil {
						return err
					}
				}
				return nil
			})
		}
		e.publish(e.q, sent...)
		require.NoError(t, work.Wait())
		cancel()
		require.ElementsMatch(t, idsOf(sent), seen.ids)
		e.depth(e.q, group, 0)
		e.drain()
	}
}

// manyKeys makes n events of n/4 order keys.
func (e *env) manyKeys(n int) []*event.Event {
	e.t.Helper()
	made := make([]*event.Event, n)
	for i := range made {
		made[i] = e.event("key-" + strconv.Itoa(i%(n/4)))
	}
	return made
}

// tally notes the ids that were acknowledged, until it has as many as it waits for.
type tally struct {
	mu   sync.Mutex
	ids  []string
	want int
	full context.Context
	fill context.CancelFunc
}

func newTally(want int) *tally {
	full, fill := context.WithCancel(context.Background())
	return &tally{want: want, full: full, fill: fill}
}

func (s *tally) open() bool { return s.full.Err() == nil }

func (s *tally) add(ids ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, ids...)
	if len(s.ids) >= s.want {
		s.fill()
	}
}

// receive is Receive that ends with nothing once the tally is full.
func (s *tally) receive(ctx context.Context, c queue.Consumer, limit int) ([]*queue.Delivery, error) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.full, cancel)()
	ds, err := c.Receive(waiting, limit)
	if errors.Is(err, context.Canceled) && !s.open() {
		return nil, nil
	}
	return ds, err
}

// consume acknowledges everything until the tally is full.
func (s *tally) consume(ctx context.Context, c queue.Consumer, limit int) error {
	for s.open() {
		ds, err := s.receive(ctx, c, limit)
		if err != nil {
			return err
		}
		if err := c.Ack(ctx, ds...); err != nil {
			return err
		}
		s.add(deliveredIDs(ds)...)
	}
	return nil
}

// visit subscribes, acknowledges half of what it receives in one go and leaves.
func (s *tally) visit(ctx context.Context, q queue.Queue, group queue.Group, bots queue.Bots) error {
	c, err := q.Subscribe(ctx, group, queue.SubscribeOptions{Prefetch: 16, Bots: bots})
	if err != nil {
		return err
	}
	ds, err := s.receive(ctx, c, 12)
	if err == nil {
		mine := ds[:(len(ds)+1)/2]
		if err = c.Ack(ctx, mine...); err == nil {
			s.add(deliveredIDs(mine)...)
		}
	}
	return errors.Join(err, c.Close())
}
