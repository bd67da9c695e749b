package rabbitmq

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
)

// item is a delivery that a consumer has and that is not settled. Its fields belong to
// the consumer's lock.
type item struct {
	// sub and tag say which delivery of the message this is. From the end of that
	// subscription to the redelivery, the item is in [inflight].
	sub   *subscription
	tag   uint64
	id    string
	key   string // Its order key; empty for none.
	state itemState
	// delivery is what was handed out last. A retry makes a new one, so the old one
	// cannot be settled again.
	delivery *queue.Delivery
	message  *amqp.Delivery // To be moved.
	retries  int
	due      time.Time   // When a retry may go.
	timer    *time.Timer // Only while it sleeps.
	// held is closed when nobody holds it any more; only of a suspect that was handed out.
	held chan struct{}
}

type itemState int

const (
	waiting  itemState = iota // For its order key, or for its redelivery.
	ready                     // For the next Receive.
	sleeping                  // Until it is due again.
	out                       // With the caller.
	moving                    // On its way to another queue.
	settling                  // Decided, not acked yet.
	gone                      // Settled or lost.
)

// redeliver makes the next delivery: another attempt, or the same one once more.
func (it *item) redeliver(attempts int) {
	d := it.renew()
	d.Attempt += attempts
	d.Crashes = 0
	it.retries += attempts
	it.release()
}

// renew makes the next delivery, which is recalled with the subscription that there is now.
func (it *item) renew() *queue.Delivery {
	d := *it.delivery
	d.Recalled = it.sub.recalling()
	it.delivery = &d
	return it.delivery
}

// drop makes sure that nothing more happens to an item.
func (it *item) drop() {
	it.state = gone
	it.stop()
	it.release()
}

// stop ends its sleep, if it has any.
func (it *item) stop() {
	if it.timer != nil {
		it.timer.Stop()
		it.timer = nil
	}
}
