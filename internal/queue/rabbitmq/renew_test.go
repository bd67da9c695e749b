package rabbitmq

import (
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/testsvc"
)

// remove deletes what declare made.
func (t topology) remove(ch *amqp.Channel) error {
	for _, d := range t.declarations() {
		if _, err := ch.QueueDelete(d.name, false, false, false); err != nil {
			return err
		}
	}
	return ch.ExchangeDelete(t.exchange(), false, false)
}

// refusing returns a queue that refuses everything of an event's partition.
func refusing(t *testing.T) (*Queue, *session, *event.Event) {
	t.Helper()
	id, err := event.NewID("")
	require.NoError(t, err)
	q, err := Open(t.Context(), Config{URL: testsvc.RabbitMQ(t), Prefix: "t-" + id, StallAfter: 20 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
	s, err := q.publishing.session(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.withChannel(q.topology.remove)) })
	e := &event.Event{ID: id, Bot: "bot", Type: "command", Time: time.Now(), OrderKey: "key", Data: []byte("{}")}
	e.Normalize()
	full := q.topology.dispatch(e.Partition())
	require.NoError(t, s.withChannel(func(ch *amqp.Channel) error {
		if _, err := ch.QueueDelete(full, false, false, false); err != nil {
			return err
		}
		_, err := ch.QueueDeclare(full, true, false, false, false, amqp.Table{"x-max-length": 0, "x-overflow": "reject-publish"})
		if err != nil {
			return err
		}
		return ch.QueueBind(full, "*."+full[len(q.topology.prefix+".dispatch."):], q.topology.exchange(), false, nil)
	}))
	return q, s, e
}

// What is refused for one partition for too long goes through a new channel, on the same
// connection and without disturbing what goes elsewhere.
func TestRefusingChannelIsReplaced(t *testing.T) {
	t.Parallel()
	q, s, e := refusing(t)
	old := s.channels[0].Load()
	require.Eventually(t, func() bool {
		require.ErrorIs(t, q.Publish(t.Context(), e), queue.ErrUnconfirmed)
		return s.channels[0].Load() != old
	}, time.Minute, time.Millisecond)
	require.Eventually(t, old.IsClosed, time.Minute, time.Millisecond)
	for other := 0; other < 2*publishChannels; {
		o := *e
		var err error
		o.ID, err = event.NewID("")
		require.NoError(t, err)
		o.OrderKey = o.ID
		if o.Partition() != e.Partition() {
			require.NoError(t, q.Publish(t.Context(), &o))
			other++
		}
	}
	now, err := q.publishing.session(t.Context())
	require.NoError(t, err)
	require.Same(t, s, now)
}

// A refusal that is only looked at after the session's end, when no channel can be replaced
// any more, holds nobody up.
func TestRefusalAfterTheEnd(t *testing.T) {
	t.Parallel()
	q, s, e := refusing(t)
	m := newMessage(q.topology, e)
	c := s.channel()
	c.refused[m.key[strings.LastIndexByte(m.key, '.')+1:]] = time.Now().Add(-time.Hour)
	released := make(chan struct{})
	o, err := c.send(s, &m, func() { close(released) })
	require.NoError(t, err)
	<-o.confirm.Done()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	go s.land(o)
	select {
	case <-released:
	case <-time.After(time.Minute):
		t.Fatal("the room of the message never came back")
	}
	s.mu.Lock() // Nobody keeps it.
	defer s.mu.Unlock()
}
