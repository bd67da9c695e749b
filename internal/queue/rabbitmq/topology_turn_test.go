package rabbitmq

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// Processes that come to a new broker together declare the same things. What each publishes once
// it is connected reaches all queues, although RabbitMQ 4.0 answers a bind before it routes when
// another connection is making the same one.
func TestWhatIsDeclaredRoutes(t *testing.T) {
	t.Parallel()
	const processes, key = 4, "bot.0"
	q, err := Open(t.Context(), Config{URL: testsvc.RabbitMQ(t), Prefix: "t-" + strings.ToLower(rand.Text())})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	require.Eventually(t, func() bool { return q.Ready(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
	conns, channels := make([]*connection, processes), make([]*amqp.Channel, processes)
	for n := range conns {
		raw, err := q.dialer.dial(t.Context(), "test")
		require.NoError(t, err)
		conns[n] = newConnection(raw, q.config)
		t.Cleanup(conns[n].close)
		channels[n], err = raw.Channel()
		require.NoError(t, err)
		require.NoError(t, channels[n].Confirm(false))
	}
	t.Cleanup(func() { require.NoError(t, conns[0].withChannel(q.topology.remove)) })
	for round := range 10 {
		own := newTopology(q.topology.prefix+strconv.Itoa(round), false)
		fresh := &Queue{config: q.config, connCtx: t.Context(), topology: own}
		var group sync.WaitGroup
		errs := make([]error, processes)
		for n, conn := range conns {
			conn.bots.Clear() // They have others in each round.
			group.Go(func() {
				if errs[n] = fresh.declareInTurn(t.Context(), conn, "bot"); errs[n] == nil {
					errs[n] = publishMandatory(t, channels[n], fresh.topology.events, key)
				}
			})
		}
		group.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		for _, name := range []string{fresh.topology.record(), fresh.topology.botQueue("bot", 0)} {
			state, err := inspect(channels[0], name)
			require.NoError(t, err)
			require.Equal(t, processes, state.Messages, name)
		}
		require.NoError(t, conns[0].withChannel(fresh.topology.remove))
	}
}

func publishMandatory(t *testing.T, ch *amqp.Channel, exchange, key string) error {
	t.Helper()
	confirm, err := ch.PublishWithDeferredConfirm(exchange, key, true, false, amqp.Publishing{})
	if err == nil {
		_, err = confirm.WaitContext(t.Context())
	}
	return err
}
