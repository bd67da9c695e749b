package rabbitmq

import (
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// fakeBroker notes the tags that were acknowledged on one channel.
type fakeBroker struct {
	mu    sync.Mutex
	acked []uint64
	err   error
}

func (b *fakeBroker) Ack(tag uint64, _ bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.acked = append(b.acked, tag)
	}
	return b.err
}

func (b *fakeBroker) Nack(uint64, bool, bool) error { return nil }
func (b *fakeBroker) Reject(uint64, bool) error     { return nil }

// line is a consumer of dispatch whose connections the test makes.
type line struct {
	*consumer
	t      *testing.T
	sub    *subscription
	broker *fakeBroker
	tag    uint64
}

func newLine(t *testing.T) *line {
	q, err := Open(t.Context(), Config{URL: "amqp://u:p@127.0.0.1:1"})
	require.NoError(t, err)
	l := &line{consumer: newConsumer(q, queue.Dispatch, queue.SubscribeOptions{}, nil), t: t}
	t.Cleanup(func() {
		l.cancel()
		l.detach(l.sub)
		require.NoError(t, q.Close())
	})
	l.connect()
	return l
}

func (l *line) connect() {
	l.broker, l.tag = &fakeBroker{}, 0
	l.sub = newSubscription(newPlace(declaration{name: "queue"}), l.broker)
	l.attach(l.sub)
}

func (l *line) lose() {
	l.broker.err = amqp.ErrClosed
	l.detach(l.sub)
}

func (l *line) arrives(events ...*event.Event) {
	for _, e := range events {
		l.tag++
		m := delivered(newMessage(names, e))
		m.DeliveryTag = l.tag
		l.arrive(l.t.Context(), l.sub, m)
	}
}

// hands demands what is handed out at once, as ids.
func (l *line) hands(ids ...string) []*queue.Delivery {
	l.t.Helper()
	ds := l.take(100)
	got := make([]string, 0, len(ds))
	for _, d := range ds {
		got = append(got, d.Event.ID)
	}
	require.ElementsMatch(l.t, ids, got)
	return ds
}

func lineEvent(id, key string) *event.Event {
	e := testEvent()
	e.ID, e.OrderKey = id, key
	return e
}

func TestOutstandingIsHandedOutOnce(t *testing.T) {
	t.Parallel()
	first, second := lineEvent("1", "key"), lineEvent("2", "key")
	for name, settle := range map[string]func(*line, *queue.Delivery){
		"before its message came again": func(l *line, d *queue.Delivery) {
			require.NoError(t, l.Ack(t.Context(), d))
			l.connect()
			l.arrives(first, second)
		},
		"after its message came again": func(l *line, d *queue.Delivery) {
			l.connect()
			l.arrives(first, second)
			l.hands()
			require.NoError(t, l.Ack(t.Context(), d))
		},
		"between two connections": func(l *line, d *queue.Delivery) {
			l.connect()
			l.arrives(first, second)
			l.lose()
			require.NoError(t, l.Ack(t.Context(), d))
			l.connect()
			l.arrives(first, second)
		},
		"on a connection that fails then": func(l *line, d *queue.Delivery) {
			l.connect()
			l.arrives(first)
			l.broker.err = amqp.ErrClosed
			require.NoError(t, l.Ack(t.Context(), d))
			l.detach(l.sub)
			l.connect()
			l.arrives(first, second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			l.arrives(first, second)
			d := l.hands("1")[0]
			l.lose()
			settle(l, d)
			l.hands("2")
			require.Equal(t, []uint64{1}, l.broker.acked, "the new copy is acknowledged")
			require.ErrorIs(t, l.Ack(t.Context(), d), queue.ErrLost, "settled before")
			require.Empty(t, l.inflight)
		})
	}
}

func TestWhatIsLostIsRecalled(t *testing.T) {
	t.Parallel()
	e := lineEvent("1", "key")
	again := func(l *line) {
		l.connect()
		l.arrives(e)
	}
	for name, settle := range map[string]func(*line, *queue.Delivery){
		"given back before its message came again": func(l *line, d *queue.Delivery) {
			require.NoError(t, l.Postpone(t.Context(), d, 0))
			again(l)
		},
		"given back after its message came again": func(l *line, d *queue.Delivery) {
			again(l)
			require.NoError(t, l.Postpone(t.Context(), d, 0))
		},
		"tried again": func(l *line, d *queue.Delivery) {
			require.NoError(t, l.Retry(t.Context(), d, 0))
			again(l)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine(t)
			l.arrives(e)
			d := l.hands("1")[0]
			require.False(t, d.IsRecalled())
			l.lose()
			require.True(t, d.IsRecalled(), "another process may have it")
			settle(l, d)
			require.False(t, l.hands("1")[0].IsRecalled())
		})
	}
}

func TestRetriesOutlastConnections(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	first, second := lineEvent("1", "key"), lineEvent("2", "key")
	l.arrives(first, second)
	d := l.hands("1")[0]
	require.Equal(t, 1, d.Attempt)
	for range 2 { // Once handed out, a lost connection is no attempt.
		l.lose()
		l.connect()
		l.arrives(first, second)
	}
	l.lose()
	require.NoError(t, l.Retry(t.Context(), d, 0))
	require.ErrorIs(t, l.Retry(t.Context(), d, 0), queue.ErrLost)
	l.hands()
	l.connect()
	l.arrives(first, second)
	d = l.hands("1")[0]
	require.Equal(t, 2, d.Attempt)

	require.NoError(t, l.Retry(t.Context(), d, time.Hour))
	l.lose()
	l.connect()
	l.arrives(first, second)
	l.hands()
	it := d.Token.(*item)
	require.Equal(t, sleeping, it.state)
	require.Greater(t, time.Until(it.due), time.Minute)
	require.Equal(t, 3, it.delivery.Attempt)
}

// What was never tried comes as if for the first time.
func TestUntriedIsForgotten(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.arrives(lineEvent("1", "a"), lineEvent("2", "a"), lineEvent("3", "b"))
	l.lose()
	require.Empty(t, l.inflight)
	require.Empty(t, l.queued)
	l.connect()
	l.arrives(lineEvent("2", "a"))
	require.Equal(t, 1, l.hands("2")[0].Attempt)
}

func TestDeadLetterWaitsForTheRedelivery(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.arrives(lineEvent("1", "key"))
	d := l.hands("1")[0]
	l.lose()
	for range 2 {
		err := l.DeadLetter(t.Context(), d, "reason")
		require.ErrorIs(t, err, queue.ErrUnavailable)
		require.NotErrorIs(t, err, queue.ErrLost, "it is still the caller's")
		l.connect()
	}
	l.sub.since = time.Now().Add(-2 * redeliveryWait)
	require.ErrorIs(t, l.DeadLetter(t.Context(), d, "reason"), queue.ErrLost, "another process has it")
	l.arrives(lineEvent("1", "key"))
	require.Equal(t, d.Attempt, l.hands("1")[0].Attempt, "the same attempt again")
}

// Two consumers of one handle share what is done, at the last moment.
func TestDoneElsewhereIsNotHandedOut(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.arrives(lineEvent("1", "key"), lineEvent("2", "key"))
	l.done.add("1")
	l.hands()
	require.Equal(t, []uint64{1}, l.broker.acked)
	l.hands("2")
}

func TestInflightExpires(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := inflight{}
	for id, it := range map[string]*item{
		"old":   {id: "old", retries: 1, state: sleeping, due: now.Add(-time.Minute)},
		"fresh": {id: "fresh", retries: 1, state: ready, due: now},
		"held":  {id: "held", state: out},
	} {
		require.True(t, s.keep(it), id)
	}
	require.False(t, s.keep(&item{id: "settled", state: settling}))
	require.False(t, s.keep(&item{id: "untried", state: ready}))
	s.expire(now.Add(-time.Second))
	require.Len(t, s, 2)
	require.NotContains(t, s, "old")
}
