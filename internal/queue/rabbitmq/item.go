package rabbitmq

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// item is a delivery that a consumer has and that is not settled. Its fields belong to
// the consumer's lock.
type item struct {
	// feed and tag say which copy of the message this is. While that feed has ended
	// and no other has brought the message again, the item is a stray.
	feed  *feed
	tag   uint64
	id    string
	key   string // Its lane; empty for none.
	state itemState
	// delivery is what was handed out last. A retry makes a new one, so the old one
	// cannot be settled again.
	delivery *queue.Delivery
	message  *amqp.Delivery // For DeadLetter and Park.
	retries  int
	due      time.Time   // When a retry may go.
	timer    *time.Timer // Only while it sleeps.
	// inHand is closed when nobody works on it any more; only of a suspect that has its turn.
	inHand chan struct{}
}

type itemState int

const (
	waiting  itemState = iota // In its lane, or as a stray for its message.
	ready                     // For the next Receive.
	sleeping                  // Until it is due again.
	out                       // With the caller.
	moving                    // On its way to another queue.
	settling                  // Decided; only the broker is to be told.
	gone                      // Settled or lost.
)

// again makes the delivery that comes next: another attempt, or the same one once more.
func (it *item) again(attempts int) {
	d := *it.delivery
	d.Attempt += attempts
	d.Crashes = 0
	it.delivery = &d
	it.retries += attempts
	it.leaveHand()
}

// end makes sure that nothing more happens to an item.
func (it *item) end() {
	it.state = gone
	it.stop()
	it.leaveHand()
}

// stop ends its sleep, if it has any.
func (it *item) stop() {
	if it.timer != nil {
		it.timer.Stop()
		it.timer = nil
	}
}

// orderKey names the lane of an event. A bot's name has no NUL.
func orderKey(e *event.Event) string { return e.Bot + "\x00" + e.OrderKey }
