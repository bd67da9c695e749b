package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/queue/rabbitmq"
	"github.com/botgate/botgate/internal/testsvc"
)

// patience is how long a test waits for what must happen. A client that found the broker
// down several times reconnects within half a minute.
const patience = 2 * time.Minute

// These share a broker of their own, because starting one takes long.
func TestFailingBroker(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a broker twice")
	}
	server := testsvc.StartRabbitMQ(t)
	t.Run("documented settings", func(t *testing.T) { documentedSettings(t, server) })
	t.Run("consumer timeout", func(t *testing.T) { consumerTimeout(t, server) })
	t.Run("members during an alarm", func(t *testing.T) { membersDuringAnAlarm(t, server) })
	t.Run("blocked", func(t *testing.T) { brokerBlocked(t, server) })
	t.Run("frozen", func(t *testing.T) { brokerFrozen(t, server) })
	t.Run("killed", func(t *testing.T) { brokerKilled(t, server) })
}

// What docs/guides/rabbitmq.md says to type suffices, and a limit refuses what is beyond it.
func documentedSettings(t *testing.T, server *testsvc.Server) {
	server.Rabbitmqctl("add_user", "botgate", "s3cret")
	server.Rabbitmqctl("set_permissions", "botgate", `^botgate\.`, `^(botgate\.|amq\.default$)`, `^botgate\.`)
	server.Rabbitmqctl("set_policy", "botgate-limit", `^botgate\.limited\.(record|bot\..+)$`,
		`{"queue-leader-locator":"balanced","max-length-bytes":20000}`, "--apply-to", "queues")
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("botgate", "s3cret")
	q := openReady(t, rabbitmq.Config{URL: u.String(), Prefix: "botgate.limited"})
	require.Eventually(t, func() bool {
		e := newEvent(t, "key")
		e.Data = make([]byte, 1000)
		return errors.Is(q.Publish(t.Context(), e), queue.ErrUnconfirmed)
	}, patience, time.Millisecond, "the queue is full at some time")
	require.NoError(t, q.Ready(t.Context()))
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	require.NoError(t, c.DeadLetter(t.Context(), receiveOne(t, c), "reason"))
}

// A broker that dies under publishers and a consumer loses nothing that it confirmed,
// and both go on by themselves when it is back.
func brokerKilled(t *testing.T, server *testsvc.Server) {
	q := openReady(t, rabbitmq.Config{URL: server.URL})
	consumer, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	seen := collect(ctx, t, consumer)
	p := startPublishers(ctx, t, q, 8)

	p.awaitConfirmed(t, 200)
	server.AwaitQueues("botgate.record", "botgate.bot.bot")
	server.Kill()
	require.Eventually(t, func() bool { return p.failures() > 0 }, patience, 10*time.Millisecond)
	server.Restart()
	before := p.count()
	p.awaitConfirmed(t, before+200)
	p.stop()
	for _, id := range p.ids() {
		require.Eventually(t, func() bool { return seen.has(id) }, patience, 10*time.Millisecond, "event %s was confirmed and lost", id)
	}
	stop()
	seen.wait()
}

// A broker that answers nothing makes nobody wait beyond the deadline.
func brokerFrozen(t *testing.T, server *testsvc.Server) {
	q := openReady(t, rabbitmq.Config{URL: server.URL})
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
	server.Pause()
	// More than the socket and its buffers take.
	var group sync.WaitGroup
	for range 40 {
		e := newEvent(t, "key")
		e.Data = make([]byte, 1<<20)
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := q.Publish(ctx, e)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.True(t, errors.Is(err, queue.ErrUnconfirmed) || errors.Is(err, queue.ErrUnavailable), "got %v", err)
		})
	}
	group.Wait()
	server.Resume()
	require.Eventually(t, func() bool {
		return q.Publish(t.Context(), newEvent(t, "key")) == nil
	}, patience, 50*time.Millisecond)
}

// A broker that is out of memory takes nothing, and says so at once.
func brokerBlocked(t *testing.T, server *testsvc.Server) {
	q := openReady(t, rabbitmq.Config{URL: server.URL})
	server.Rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
	// The broker tells a publisher when it publishes next.
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		return errors.Is(q.Publish(ctx, newEvent(t, "key")), queue.ErrUnavailable)
	}, patience, 10*time.Millisecond)
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrUnavailable)
	_, err := q.Depths(t.Context())
	require.NoError(t, err, "what waits is known nevertheless")
	server.Rabbitmqctl("set_vm_memory_high_watermark", "0.3")
	awaitReady(t, q)
	require.NoError(t, q.Publish(t.Context(), newEvent(t, "key")))
}

func TestUnroutableIsNoSuccess(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix})
	ch := dialChannel(t, address)
	for _, name := range queueNames(prefix) {
		_, err := ch.QueueDelete(name, false, false, false)
		require.NoError(t, err)
	}
	err := q.Publish(t.Context(), newEvent(t, "key"))
	require.ErrorIs(t, err, queue.ErrUnconfirmed)
	require.ErrorContains(t, err, "no queue takes")
	// What was missing is declared again.
	require.Eventually(t, func() bool {
		return q.Publish(t.Context(), newEvent(t, "key")) == nil
	}, patience, 10*time.Millisecond)
}

func TestOtherSettingsAreExplained(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	declareOtherwise(t, address, prefix+".record")
	q := open(t, rabbitmq.Config{URL: address, Prefix: prefix})
	err := reasonOf(t, q)
	require.ErrorIs(t, err, queue.ErrUnavailable)
	require.ErrorContains(t, err, prefix+".record")
	require.ErrorContains(t, err, "let its consumers drain it, then delete it")

	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword("nobody", "wrong-password")
	q = open(t, rabbitmq.Config{URL: u.String(), Prefix: prefix})
	err = reasonOf(t, q)
	require.ErrorContains(t, err, "check user, password")
	require.NotContains(t, err.Error(), "wrong-password")
}

// reasonOf waits until the first attempt to connect has failed and returns why.
func reasonOf(t *testing.T, q queue.Queue) (err error) {
	t.Helper()
	require.Eventually(t, func() bool {
		err = q.Ready(t.Context())
		return err != nil && !strings.Contains(err.Error(), "not connected yet")
	}, patience, 10*time.Millisecond)
	return err
}

func TestBrokerDown(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	q := open(t, rabbitmq.Config{URL: "amqp://u:p@" + listener.Addr().String()})
	require.ErrorIs(t, q.Publish(t.Context(), newEvent(t, "key")), queue.ErrUnavailable)
	require.ErrorIs(t, q.Ready(t.Context()), queue.ErrUnavailable)
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err, "a consumer waits for the broker")
	require.NoError(t, c.Close())
}

// What can never be queued is refused, all of the call, whether the broker is there or not.
func TestRefusedEvents(t *testing.T) {
	t.Parallel()
	q := open(t, rabbitmq.Config{URL: "amqp://u:p@127.0.0.1:1", MaxMessage: 100})
	fine, large, invalid := newEvent(t, "key"), newEvent(t, "key"), newEvent(t, "key")
	large.Data = make([]byte, 101)
	invalid.Bot = ""
	require.ErrorIs(t, q.Publish(t.Context(), fine, large), queue.ErrTooLarge)
	require.ErrorIs(t, q.Publish(t.Context(), fine, invalid), queue.ErrInvalid)
	large.Data = large.Data[:100]
	require.ErrorIs(t, q.Publish(t.Context(), large), queue.ErrUnavailable)
}

// Calls that bring more than may be in flight at once neither wait for themselves nor for
// each other, and keep their order.
func TestMoreThanTheInFlightLimit(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: newPrefix(t, address)})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var calls errgroup.Group
	var first []*event.Event
	for n := range 2 {
		events := make([]*event.Event, 20)
		for i := range events {
			events[i] = newEvent(t, fmt.Sprint(n))
			events[i].Data = make([]byte, 1<<20)
		}
		if n == 0 {
			first = events
		}
		calls.Go(func() error { return q.Publish(ctx, events...) })
	}
	require.NoError(t, calls.Wait())
	c, err := q.Subscribe(ctx, queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	for len(first) > 0 {
		d := receiveOne(t, c)
		if d.Event.OrderKey == first[0].OrderKey {
			require.Equal(t, first[0].ID, d.Event.ID)
			first = first[1:]
		}
		require.NoError(t, c.Ack(ctx, d))
	}
}

// A publish whose connection is cut before the confirm does not hang and is no success.
func TestConnectionCutInFlight(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	proxy := testsvc.StartProxy(t, address)
	q := openReady(t, rabbitmq.Config{URL: proxy.URL, Prefix: prefix})
	proxy.Mute()
	published := make(chan error, 1)
	e := newEvent(t, "key")
	go func() { published <- q.Publish(t.Context(), e) }()
	proxy.AwaitDropped(t)
	proxy.Cut()
	require.ErrorIs(t, <-published, queue.ErrUnconfirmed)
	require.Eventually(t, func() bool { return q.Publish(t.Context(), e) == nil }, patience, 10*time.Millisecond)

	// It came through twice, or once if the cut was quicker; it is handed out once.
	fence := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), fence))
	c, err := q.Subscribe(t.Context(), queue.Dispatch, queue.SubscribeOptions{})
	require.NoError(t, err)
	for _, want := range []*event.Event{e, fence} {
		d := receiveOne(t, c)
		require.Equal(t, want.ID, d.Event.ID)
		require.NoError(t, c.Ack(t.Context(), d))
	}
}

// However often an event was returned, it is neither dropped nor counted as an attempt.
func TestReturnsDoNotCount(t *testing.T) {
	t.Parallel()
	address := testsvc.RabbitMQ(t)
	prefix := newPrefix(t, address)
	q := openReady(t, rabbitmq.Config{URL: address, Prefix: prefix})
	e := newEvent(t, "key")
	require.NoError(t, q.Publish(t.Context(), e))
	ch := dialChannel(t, address)
	deliveries, err := ch.Consume(prefix+".record", "", false, false, false, false, nil)
	require.NoError(t, err)
	for range 300 {
		d := <-deliveries
		require.NoError(t, d.Nack(false, true))
	}
	require.NoError(t, ch.Close())
	c, err := q.Subscribe(t.Context(), queue.Record, queue.SubscribeOptions{})
	require.NoError(t, err)
	d := receiveOne(t, c)
	require.Equal(t, e.ID, d.Event.ID)
	require.Equal(t, 1, d.Attempt)
}
