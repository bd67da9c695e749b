package rabbitmq

import (
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// route identifies a returned message.
type route struct {
	destination
	id string
}

// ledger has what the broker said of a channel's messages beside acks: that one was returned, or refused.
// Nearly always it said nothing of the kind, and then nobody takes the lock.
type ledger struct {
	// returns holds more than can be in flight, so the library, which would stop reading the
	// socket, never waits for us.
	returns <-chan amqp.Return
	// noted is set before anything is taken out of returns.
	noted atomic.Bool
	// refusing is the number of destinations in refused.
	refusing atomic.Int32

	mu       sync.Mutex
	returned map[route]int
	// refused is since when the broker has nacked everything for these queues, see
	// publish_channel.go.
	refused map[destination]time.Time
}

func newLedger(returns <-chan amqp.Return) *ledger {
	return &ledger{returns: returns, returned: map[route]int{}, refused: map[destination]time.Time{}}
}

// takeReturn reports whether a message with this route was returned (basic.return), once for each that
// was. It is called after the confirm of the message, before which the library has put the return into
// the channel: so it is there still, or was taken out, which is noted before.
func (l *ledger) takeReturn(r route) bool {
	if len(l.returns) == 0 && !l.noted.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noted.Store(true)
	for len(l.returns) > 0 {
		back := <-l.returns
		l.returned[route{destination{back.Exchange, back.RoutingKey}, back.MessageId}]++
	}
	if l.returned[r] == 0 {
		return false
	}
	if l.returned[r]--; l.returned[r] == 0 {
		delete(l.returned, r)
	}
	return true
}

// acked notes that the queues of a destination take messages.
func (l *ledger) acked(to destination) {
	if l.refusing.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refused, to)
	l.refusing.Store(int32(len(l.refused)))
}

// refusedFor notes that the broker nacked a message, and returns for how long it has nacked everything
// that goes to the same queues.
func (l *ledger) refusedFor(to destination) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	first, again := l.refused[to]
	if !again {
		first = time.Now()
		l.refused[to] = first
		l.refusing.Store(int32(len(l.refused)))
	}
	return time.Since(first)
}
