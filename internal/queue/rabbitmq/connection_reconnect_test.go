package rabbitmq_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// interrupted is a dispatch consumer that holds the second attempt at the event x, whose
// order key y has, too, when its connection is cut.
type interrupted struct {
	t    *testing.T
	q    queue.Queue
	c    queue.Consumer
	x, y *event.Event
	held *queue.Delivery
}

func interrupt(t *testing.T) *interrupted {
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	proxy := testsvc.StartProxy(t, address)
	s := &interrupted{t: t, x: newEvent(t, "x"), y: newEvent(t, "x")}
	s.q = openReady(t, rabbitmq.Config{URL: proxy.URL, Prefix: prefix})
	require.NoError(t, s.q.Publish(t.Context(), s.x, s.y))
	var err error
	s.c, err = s.q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	require.NoError(t, s.c.Retry(t.Context(), receiveOne(t, s.c), 0))
	s.held = s.receive(s.x, 2)
	proxy.Cut()
	return s
}

func (s *interrupted) receive(e *event.Event, attempt int) *queue.Delivery {
	s.t.Helper()
	d := receiveOne(s.t, s.c)
	require.Equal(s.t, e.ID, d.Event.ID)
	require.Equal(s.t, attempt, d.Attempt)
	return d
}

// awaitCopies waits until the queue has sent x and y again, which is when something comes
// that stands behind them in their queue.
func (s *interrupted) awaitCopies() {
	s.t.Helper()
	behind := newEvent(s.t, "another")
	require.Eventually(s.t, func() bool { return s.q.Publish(s.t.Context(), behind) == nil }, patience, 10*time.Millisecond)
	require.NoError(s.t, s.c.Ack(s.t.Context(), s.receive(behind, 1)))
}

// ends demands that y is the only event left, and that so many were dead-lettered.
func (s *interrupted) ends(dead int64) {
	s.t.Helper()
	require.NoError(s.t, s.c.Ack(s.t.Context(), s.receive(s.y, 1)))
	var depths map[queue.Group]int64
	require.Eventually(s.t, func() (empty bool) {
		var err error
		depths, err = s.q.Depths(s.t.Context())
		return err == nil && depths[queue.Dispatch] == 0
	}, patience, 10*time.Millisecond)
	require.Equal(s.t, dead, depths[queue.Dead])
}

// What a consumer holds when its connection is lost is settled as if it had not been,
// whether the queue has sent it again by then or not; and it is not handed out twice.
func TestSettleAfterConnectionCut(t *testing.T) {
	t.Parallel()
	const delay = time.Second
	for name, settle := range map[string]func(*interrupted){
		"ack": func(s *interrupted) {
			require.NoError(s.t, s.c.Ack(s.t.Context(), s.held))
			s.ends(0)
		},
		"retry": func(s *interrupted) {
			given := time.Now()
			require.NoError(s.t, s.c.Retry(s.t.Context(), s.held, delay))
			d := s.receive(s.x, 3)
			require.GreaterOrEqual(s.t, time.Since(given), delay)
			require.NoError(s.t, s.c.Ack(s.t.Context(), d))
			s.ends(0)
		},
		"dead-letter": func(s *interrupted) {
			require.Eventually(s.t, func() bool {
				return s.c.DeadLetter(s.t.Context(), s.held, "reason") == nil
			}, patience, 10*time.Millisecond)
			s.ends(1)
		},
	} {
		t.Run(name+" before it came again", func(t *testing.T) {
			t.Parallel()
			settle(interrupt(t))
		})
		t.Run(name+" after it came again", func(t *testing.T) {
			t.Parallel()
			s := interrupt(t)
			s.awaitCopies()
			settle(s)
		})
	}
}

// A retry that sleeps keeps its count and its time when the connection is cut.
func TestRetrySleepsThroughConnectionCut(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	proxy := testsvc.StartProxy(t, address)
	q := openReady(t, rabbitmq.Config{URL: proxy.URL, Prefix: newPrefix(t, address)})
	e := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), e))
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	const delay = 2 * time.Second
	given := time.Now()
	require.NoError(t, c.Retry(t.Context(), receiveOne(t, c), delay))
	proxy.Cut()
	d := receiveOne(t, c)
	require.GreaterOrEqual(t, time.Since(given), delay)
	require.Equal(t, 2, d.Attempt)
	require.NoError(t, c.Ack(t.Context(), d))
}

// An acknowledgement that never got to the broker is not lost on the consumer.
func TestAckLostWithTheConnection(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	proxy := testsvc.StartProxy(t, address)
	q := openReady(t, rabbitmq.Config{URL: proxy.URL, Prefix: newPrefix(t, address)})
	e, fence := newEvent(t, "key"), newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), e))
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	d := receiveOne(t, c)
	proxy.Deafen()
	require.NoError(t, c.Ack(t.Context(), d))
	proxy.AwaitDropped(t)
	proxy.Cut()
	require.Eventually(t, func() bool { return q.Publish(t.Context(), fence) == nil }, patience, 10*time.Millisecond)
	d = receiveOne(t, c)
	require.Equal(t, fence.ID, d.Event.ID)
	require.NoError(t, c.Ack(t.Context(), d))
	require.Eventually(t, func() bool {
		depths, err := q.Depths(context.WithoutCancel(t.Context()))
		return err == nil && depths[queue.Record] == 0
	}, patience, 10*time.Millisecond)
}

// A connection that lives, but on which nothing is confirmed any more, is made anew
// before its heartbeats are missed.
func TestStalledConnection(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	proxy := testsvc.StartProxy(t, address)
	var log testlog.Buffer
	q := openReady(t, rabbitmq.Config{URL: proxy.URL, Prefix: newPrefix(t, address), Logger: log.Logger(), StallAfter: 50 * time.Millisecond})
	proxy.Mute()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, q.Publish(ctx, newEvent(t, "key")), queue.ErrUnconfirmed)
	require.Eventually(t, func() bool { return q.Publish(t.Context(), newEvent(t, "key")) == nil }, patience, 10*time.Millisecond)
	require.Contains(t, log.String(), "confirms nothing")
}
