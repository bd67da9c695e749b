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
	feed  *feed
	tag   uint64
	id    string
	key   string // Its lane; empty for none.
	state itemState
	// delivery is what was handed out last. A retry makes a new one, so the old one
	// cannot be settled again.
	delivery *queue.Delivery
	message  *amqp.Delivery // For Bury.
	retries  int            // In this process; the broker counts its own.
	due      time.Time      // When a retry may go.
	timer    *time.Timer    // Only while it sleeps.
}

type itemState int

const (
	waiting  itemState = iota // In its lane.
	ready                     // For the next Receive.
	sleeping                  // Until it is due again.
	out                       // With the caller.
	settling                  // Being acknowledged or buried.
	gone                      // Settled or lost.
)

// again is the next attempt at a delivery.
func (it *item) again() {
	d := *it.delivery
	d.Attempt++
	it.delivery = &d
}

// postponed is what a consumer remembers of a retry whose delivery was lost: the broker
// hands it out anew, without knowing how long it was to wait.
type postponed struct {
	retries int
	due     time.Time
}

// orderKey names the lane of an event. A bot's name has no NUL.
func orderKey(e *event.Event) string { return e.Bot + "\x00" + e.OrderKey }
