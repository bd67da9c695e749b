package sqlite

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

func subscribe(t *testing.T, q *Queue, group queue.Group) *consumer {
	t.Helper()
	c, err := q.Subscribe(t.Context(), group, queue.SubscribeOptions{})
	require.NoError(t, err)
	return c.(*consumer)
}

func receiveOne(t *testing.T, c *consumer) *queue.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ds, err := c.Receive(ctx, 1)
	require.NoError(t, err)
	return ds[0]
}

// TestRetriesAreRemembered has each attempt be made by another handle.
func TestRetriesAreRemembered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "queue.db")
	for attempt := 1; attempt <= 3; attempt++ {
		q := openAt(t, Config{Path: path})
		if attempt == 1 {
			require.NoError(t, q.Publish(t.Context(), testEvent("key")))
		}
		c := subscribe(t, q, queue.Dispatch)
		d := receiveOne(t, c)
		require.Equal(t, attempt, d.Attempt)
		require.NoError(t, c.Retry(t.Context(), d, 0))
		require.NoError(t, q.Close())
	}
}

// TestClockSetBack delays two deliveries and makes one of them due later than it was delayed by, as
// when the clock is set back.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	c := subscribe(t, q, queue.Dispatch)
	delay := func(key string, delay time.Duration) {
		require.NoError(t, q.Publish(t.Context(), testEvent(key)))
		require.NoError(t, c.Retry(t.Context(), receiveOne(t, c), delay))
	}
	delay("long", 2*time.Hour)
	delay("set back", 3*time.Hour)
	require.NoError(t, q.writer.do(t.Context(), 1, func(tx *transaction) error {
		now := time.Now()
		_, err := tx.exec(tx.advance, groupDispatch, now.Add(4*time.Hour).UnixNano(), now.Add(150*time.Minute).UnixNano())
		return err
	}))
	require.NoError(t, q.Publish(t.Context(), testEvent("another")))
	d := receiveOne(t, c)
	require.Equal(t, "set back", d.Event.OrderKey)
	require.Equal(t, 2, d.Attempt)
	require.Equal(t, "another", receiveOne(t, c).Event.OrderKey)
}

// TestSettleAfterRelease closes a consumer during a call that settles, while another one of the
// same handle receives what it released.
func TestSettleAfterRelease(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	old := subscribe(t, q, queue.Dispatch)
	leases, err := old.seize(receiveOne(t, old))
	require.NoError(t, err)
	require.NoError(t, old.Close())
	sibling := subscribe(t, q, queue.Dispatch)
	d := receiveOne(t, sibling)

	var done int
	require.NoError(t, old.settle(t.Context(), leases, func(tx *transaction) (err error) {
		done, err = tx.acknowledge(old.owner.id, old.number, leases)
		return err
	}))
	require.Zero(t, done, "the sibling has it")
	requireDepth(t, q, queue.Dispatch, 1)
	require.NoError(t, sibling.Ack(t.Context(), d))
	requireDepth(t, q, queue.Dispatch, 0)
}

// TestCloseTogether closes a queue while one of its consumers releases its leases.
func TestCloseTogether(t *testing.T) {
	t.Parallel()
	q := newQueue(t, Config{})
	require.NoError(t, q.Publish(t.Context(), testEvent("key")))
	// Full, it leases nothing, so that the release is its only operation.
	subscribed, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{Prefetch: 1})
	require.NoError(t, err)
	c := subscribed.(*consumer)
	receiveOne(t, c)

	busy, goOn := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	ended := make(chan error, 3)
	go func() {
		ended <- q.writer.do(t.Context(), 1, func(*transaction) error {
			close(busy)
			<-goOn
			return nil
		})
	}()
	<-busy
	go func() { ended <- c.Close() }()
	require.Eventually(t, func() bool { return len(q.writer.ops) == 1 }, time.Minute, time.Millisecond, "it never released")
	q.mu.Lock()
	_, waitedFor := q.consumers[c]
	q.mu.Unlock()
	require.True(t, waitedFor, "the queue would end the writer")
	go func() { ended <- q.Close() }()
	release()
	for range cap(ended) {
		require.NoError(t, <-ended)
	}
}

// TestPrefetchBytes receives until nothing comes any more, and settles one delivery.
func TestPrefetchBytes(t *testing.T) {
	t.Parallel()
	const body = 1000
	for name, test := range map[string]struct {
		limit int64
		held  int
	}{
		"a whole number of events":  {5 * body, 5},
		"the last one may exceed":   {5*body + 1, 6},
		"less than one event":       {1, 1},
		"more than the events have": {100 * body, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := newQueue(t, Config{PrefetchBytes: test.limit})
			events := make([]*event.Event, 10)
			for i := range events {
				events[i] = testEvent("key")
				events[i].Data = make([]byte, body)
			}
			require.NoError(t, q.Publish(t.Context(), events[:9]...))
			c := subscribe(t, q, queue.Record)
			var held []*queue.Delivery
			for range test.held {
				held = append(held, receiveOne(t, c))
			}
			requireNone(t, c)
			require.NoError(t, q.Publish(t.Context(), events[9]))
			require.NoError(t, c.Ack(t.Context(), held[0]))
			receiveOne(t, c)
			requireNone(t, c)
		})
	}
}

func requireNone(t *testing.T, c *consumer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := c.Receive(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
