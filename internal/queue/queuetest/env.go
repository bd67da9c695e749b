package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// patience is how long the suite waits for what must happen.
	patience = time.Minute
	// silence is how long it listens for what must not happen.
	silence = 150 * time.Millisecond
	// settling is how long what was given back may take to be counted or delivered.
	settling = 50 * time.Millisecond
	// tick is the pause between two looks at something that changes by itself.
	tick = 5 * time.Millisecond
)

var groups = []queue.Group{queue.Record, queue.Dispatch, queue.Dead}

// env is what one test works with.
type env struct {
	t    *testing.T
	h    Harness
	q    queue.Queue // Shared by all tests; never closed by one.
	bot  string      // Belongs to this test alone.
	bots queue.Bots  // Those that are consumed.
	made int
}

// newEnv prepares a test and, once its own consumers and handles are closed, empties
// the queue again.
func newEnv(t *testing.T, h Harness, shared queue.Queue) *env {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	e := &env{t: t, h: h, q: shared, bot: "bot-" + id}
	e.consumes(e.bot)
	t.Cleanup(e.drain)
	return e
}

// consumes sets the bots whose events the test consumes and counts.
func (e *env) consumes(bots ...string) {
	e.t.Helper()
	e.bots = queue.Bots{}
	for _, bot := range bots {
		e.bots[bot] = 1
	}
	require.NoError(e.t, e.q.DeclareBots(e.t.Context(), e.bots))
}

// open returns another handle on the queue.
func (e *env) open() queue.Queue {
	e.t.Helper()
	q := openReady(e.t, e.h)
	require.NoError(e.t, q.DeclareBots(e.t.Context(), e.bots))
	return q
}

// openReady opens a handle and waits until it can publish.
func openReady(t *testing.T, h Harness) queue.Queue {
	t.Helper()
	q := h.Open(t)
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, patience, tick, "the queue never became ready")
	return q
}

// event makes an event of this test's bot.
func (e *env) event(orderKey string) *event.Event {
	e.t.Helper()
	id, err := event.NewID("")
	require.NoError(e.t, err)
	e.made++
	ev := &event.Event{
		ID:          id,
		Bot:         e.bot,
		Type:        "command",
		Subject:     "user-1",
		Time:        time.Now(),
		OrderKey:    orderKey,
		VerifiedBy:  "jwt",
		ContentType: "application/json",
		Data:        fmt.Appendf(nil, `{"n":%d}`, e.made),
	}
	ev.Normalize()
	return ev
}

// events makes n events of one order key.
func (e *env) events(n int, orderKey string) []*event.Event {
	e.t.Helper()
	made := make([]*event.Event, n)
	for i := range made {
		made[i] = e.event(orderKey)
	}
	return made
}

// change makes an event that says that another one was delivered.
func (e *env) change(about *event.Event) *event.Event {
	e.t.Helper()
	ev, err := event.NewChange(about, event.Change{Status: event.StatusDelivered, Attempt: 1, At: time.Now()})
	require.NoError(e.t, err)
	return ev
}

// publish publishes in one call and must succeed.
func (e *env) publish(q queue.Queue, events ...*event.Event) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), patience)
	defer cancel()
	require.NoError(e.t, q.Publish(ctx, events...))
}

// depth waits until a group holds exactly want events.
func (e *env) depth(q queue.Queue, group queue.Group, want int64) {
	e.t.Helper()
	var last map[queue.Group]int64
	require.Eventuallyf(e.t, func() bool {
		depths, err := q.Depths(e.t.Context())
		last = depths
		return err == nil && depths[group] == want
	}, patience, tick, "depth of %s never became %d; last seen %v", group, want, &last)
}

// drain takes everything out that the test left. It runs after the test's context has
// ended, too.
func (e *env) drain() {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if e.h.Exact && e.isEmpty(ctx) {
		return
	}
	var work errgroup.Group
	for _, group := range groups {
		work.Go(func() error {
			_, err := e.empty(ctx, group)
			return err
		})
	}
	require.NoError(e.t, work.Wait(), "the queue was not empty in time")
}

func (e *env) isEmpty(ctx context.Context) bool {
	e.t.Helper()
	depths, err := e.q.Depths(ctx)
	require.NoError(e.t, err)
	return !slices.ContainsFunc(groups, func(group queue.Group) bool { return depths[group] > 0 })
}

// empty acknowledges everything in a group and returns the ids. It demands silence besides
// a depth of zero, because what a handle that was just closed held may be in neither the
// queue's count nor another handle's.
func (e *env) empty(ctx context.Context, group queue.Group) ([]string, error) {
	c, err := e.q.Subscribe(ctx, group, queue.SubscribeOptions{Bots: e.bots})
	if err != nil {
		return nil, err
	}
	ids, err := e.takeAll(ctx, c, group)
	return ids, errors.Join(err, c.Close())
}

func (e *env) takeAll(ctx context.Context, c queue.Consumer, group queue.Group) (ids []string, err error) {
	for {
		short, cancel := context.WithTimeout(ctx, settling)
		ds, err := c.Receive(short, 256)
		cancel()
		switch {
		case err == nil:
			if err := c.Ack(ctx, ds...); err != nil {
				return ids, err
			}
			ids = append(ids, deliveredIDs(ds)...)
		case !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
			return ids, err
		default:
			depths, err := e.q.Depths(ctx)
			if err != nil || depths[group] == 0 {
				return ids, err
			}
		}
	}
}

// requireSame demands that an event came out as it went in.
func requireSame(t *testing.T, want, got *event.Event) {
	t.Helper()
	require.True(t, bytes.Equal(want.Data, got.Data), "data differs: sent %d bytes, got %d", len(want.Data), len(got.Data))
	w, g := *want, *got
	w.Data, g.Data = nil, nil
	require.Equal(t, w, g)
}

func idsOf(events []*event.Event) []string {
	ids := make([]string, len(events))
	for i, ev := range events {
		ids[i] = ev.ID
	}
	return ids
}
