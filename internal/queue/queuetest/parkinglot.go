package queuetest

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

var parkCases = []testCase{
	{"what is parked leaves Record and comes in its parking lot only", parkMoves},
	{"nothing is parked of another group", parkRecordOnly},
	{"a parking lot has a name", parkNames},
	{"what is parked outlasts a restart, and what was in flight", parkOutlasts},
	{"a parking lot's consumers retry, dead-letter and redrive as those of Record", parkSettles},
	{"on to another parking lot", parkAgain},
	{"settling twice is an error and parks nothing", parkTwice},
	{"an event stays while it is parked, though its bot has it", parkKeepsEvent},
	{"while another handle drains the parking lot nothing is lost", parkWhileDraining},
}

// ParkingLots are the names of the parking lots that the suite uses.
var ParkingLots = []string{"shard-a", "shard_B", "3"}

// park moves deliveries to a parking lot.
func (c *consumer) park(name string, ds ...*queue.Delivery) {
	c.e.t.Helper()
	require.NoError(c.e.t, c.tryPark(name, ds...))
}

func (c *consumer) tryPark(name string, ds ...*queue.Delivery) error {
	c.e.t.Helper()
	return c.Park(c.e.t.Context(), name, ds...)
}

func parkMoves(t *testing.T, e *env) {
	q := e.open()
	sent := e.events(3, "key")
	sent[0].Data = []byte{0, 1, 2, 0xff}
	waiting := e.subscribe(q, queue.ParkingLot(ParkingLots[0]))
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Record)
	for _, d := range c.take(3) {
		switch d.Event.ID {
		case sent[0].ID:
			c.park(ParkingLots[0], d)
		case sent[1].ID:
			c.park(ParkingLots[1], d)
		default:
			c.ack(d)
		}
	}
	e.depth(e.q, queue.Record, 0)
	d := waiting.one()
	requireSame(t, sent[0], d.Event)
	require.Equal(t, 1, d.Attempt)
	require.Nil(t, d.Dead)
	waiting.ack(d)
	waiting.none()
	c.none()
	e.depth(e.q, queue.ParkingLots, 1)
	other := e.subscribe(q, queue.ParkingLot(ParkingLots[1]))
	d = other.one()
	requireSame(t, sent[1], d.Event)
	e.depth(q, queue.ParkingLots, 1)
	other.ack(d)
	e.depth(q, queue.ParkingLots, 0)
}

func parkRecordOnly(t *testing.T, e *env) {
	e.publish(e.q, e.event("key"))
	c := e.subscribe(e.q, queue.Dispatch)
	d := c.one()
	require.Error(t, c.tryPark(ParkingLots[0], d))
	c.deadLetter(d, "refused")
	dead := e.subscribe(e.q, queue.Dead)
	require.Error(t, dead.tryPark(ParkingLots[0], dead.one()))
}

func parkNames(t *testing.T, e *env) {
	e.publish(e.q, e.event("key"))
	c := e.subscribe(e.q, queue.Record)
	d := c.one()
	for _, lot := range []string{"", "a.b", "a b", "#", "ä", strings.Repeat("x", 65)} {
		require.Error(t, c.tryPark(lot, d), "%q", lot)
		_, err := e.q.Subscribe(t.Context(), queue.ParkingLot(lot), queue.SubscribeOptions{})
		require.Error(t, err, "%q", lot)
	}
	_, err := e.q.Subscribe(t.Context(), queue.ParkingLots, queue.SubscribeOptions{})
	require.Error(t, err)
	c.ack(d)
}

func parkOutlasts(t *testing.T, e *env) {
	q := e.open()
	sent := e.events(4, "key")
	e.publish(q, sent...)
	c := e.subscribe(q, queue.Record)
	c.park(ParkingLots[0], c.take(4)...)
	lot := e.subscribe(q, queue.ParkingLot(ParkingLots[0]))
	first := lot.one()
	lot.ack(first)
	lot.take(2)
	require.NoError(t, q.Close())

	lot = e.subscribe(e.open(), queue.ParkingLot(ParkingLots[0]))
	rest := lot.take(3)
	require.ElementsMatch(t, idsOf(sent), append(deliveredIDs(rest), first.Event.ID))
	requireUntried(t, rest...)
	lot.ack(rest...)
	lot.none()
	e.depth(e.q, queue.Record, 0)
}

func parkSettles(t *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev)
	c := e.subscribe(e.q, queue.Record)
	c.park(ParkingLots[0], c.one())
	lot := e.subscribe(e.q, queue.ParkingLot(ParkingLots[0]))
	lot.retry(lot.one(), 0)
	d := lot.one()
	require.Equal(t, 2, d.Attempt)
	lot.postpone(d, 0)
	lot.deadLetter(lot.one(), "the store refuses it")
	e.depth(e.q, queue.Dead, 1)
	dead := e.subscribe(e.q, queue.Dead)
	d = dead.one()
	require.Equal(t, queue.Record, d.Dead.Group)
	require.NoError(t, dead.Redrive(t.Context(), d))
	d = c.one()
	requireSame(t, ev, d.Event)
	c.park(ParkingLots[0], d)
	lot.ack(lot.one())
	lot.none()
}

func parkAgain(t *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev)
	c := e.subscribe(e.q, queue.Record)
	c.park(ParkingLots[0], c.one())
	from := e.subscribe(e.q, queue.ParkingLot(ParkingLots[0]))
	from.park(ParkingLots[2], from.one())
	to := e.subscribe(e.q, queue.ParkingLot(ParkingLots[2]))
	d := to.one()
	requireSame(t, ev, d.Event)
	to.ack(d)
	from.none()
	e.depth(e.q, queue.ParkingLots, 0)
}

func parkTwice(t *testing.T, e *env) {
	sent := e.events(3, "key")
	e.publish(e.q, sent...)
	c := e.subscribe(e.q, queue.Record)
	ds := c.take(3)
	c.ack(ds[0])
	require.ErrorIs(t, c.tryPark(ParkingLots[0], ds[0], ds[1]), queue.ErrLost, "the other is parked all the same")
	require.ErrorIs(t, c.tryPark(ParkingLots[0], ds[1]), queue.ErrLost)
	require.ErrorIs(t, c.Ack(t.Context(), ds[1]), queue.ErrLost)
	c.close()
	require.Error(t, c.tryPark(ParkingLots[0], ds[2]))
	lot := e.subscribe(e.q, queue.ParkingLot(ParkingLots[0]))
	d := lot.one()
	require.Equal(t, ds[1].Event.ID, d.Event.ID)
	lot.ack(d)
	lot.none()
	e.depth(e.q, queue.Record, 1)
}

// parkKeepsEvent has the delivery in Dispatch settled while the one of Record is parked.
func parkKeepsEvent(t *testing.T, e *env) {
	ev := e.event("key")
	e.publish(e.q, ev)
	c := e.subscribe(e.q, queue.Record)
	c.park(ParkingLots[0], c.one())
	dispatch := e.subscribe(e.q, queue.Dispatch)
	dispatch.ack(dispatch.one())
	lot := e.subscribe(e.q, queue.ParkingLot(ParkingLots[0]))
	d := lot.one()
	requireSame(t, ev, d.Event)
	lot.ack(d)
}

// parkWhileDraining has one handle park what another one records.
func parkWhileDraining(t *testing.T, e *env) {
	sent := e.manyKeys(60)
	seen := newTally(len(sent))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	work, ctx := errgroup.WithContext(ctx)
	for _, q := range []queue.Queue{e.q, e.open()} {
		c, lot := e.subscribe(q, queue.Record), e.subscribe(q, queue.ParkingLot(ParkingLots[1]))
		work.Go(func() error { return seen.park(ctx, c, ParkingLots[1]) })
		work.Go(func() error { return seen.consume(ctx, lot, 5) })
	}
	for _, batch := range [][]*event.Event{sent[:20], sent[20:40], sent[40:]} {
		e.publish(e.q, batch...)
	}
	require.NoError(t, work.Wait())
	require.ElementsMatch(t, idsOf(sent), seen.ids)
	e.depth(e.q, queue.Record, 0)
	e.depth(e.q, queue.ParkingLots, 0)
}

// park parks everything until the tally is full.
func (s *tally) park(ctx context.Context, c *consumer, name string) error {
	for s.open() {
		ds, err := s.receive(ctx, c, 7)
		if err != nil {
			return err
		}
		if err := c.Park(ctx, name, ds...); err != nil {
			return err
		}
	}
	return nil
}
