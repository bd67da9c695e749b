package rabbitmq

import (
	"strconv"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
)

// Each publisher learns of the return of its own message, however many look at the same time, and once
// for each message of the same id.
func TestLedgerMatchesReturns(t *testing.T) {
	t.Parallel()
	const messages, copies = 500, 2
	returns := make(chan amqp.Return, messages*copies)
	l, queue := newLedger(returns), toQueue("q")
	confirmed := make([]chan struct{}, messages*copies)
	for n := range confirmed {
		confirmed[n] = make(chan struct{})
	}
	isReturned := func(n int) bool { return n/copies%3 == 0 }
	var publishers sync.WaitGroup
	for n := range confirmed {
		publishers.Go(func() {
			<-confirmed[n]
			if got := l.takeReturn(route{queue, strconv.Itoa(n / copies)}); got != isReturned(n) {
				t.Errorf("message %d: returned %t", n, got)
			}
		})
	}
	for n := range confirmed { // As the library does: the return first, then the confirm.
		if isReturned(n) {
			returns <- amqp.Return{RoutingKey: queue.key, MessageId: strconv.Itoa(n / copies)}
		}
		close(confirmed[n])
	}
	publishers.Wait()
	require.Empty(t, l.returned)
	require.False(t, l.takeReturn(route{queue, "0"}), "once for each")
}

// A destination is refusing from the first nack until the next ack, whatever others do.
func TestLedgerTimesRefusals(t *testing.T) {
	t.Parallel()
	l := newLedger(nil)
	require.Less(t, l.refusedFor(toQueue("full")), time.Minute)
	l.refused[toQueue("full")] = time.Now().Add(-time.Hour)
	l.acked(toQueue("well"))
	require.GreaterOrEqual(t, l.refusedFor(toQueue("full")), time.Hour)
	l.acked(toQueue("full"))
	require.Less(t, l.refusedFor(toQueue("full")), time.Minute)
}
