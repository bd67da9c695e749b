// Package queue defines what Botgate asks of its queue. queue/rabbitmq and queue/sqlite
// implement it; the conformance suite in queue/queuetest is the definition of the
// semantics that this file only summarises.
package queue

import (
	"context"
	"errors"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// Group names who consumes: each group gets every event that concerns it once.
type Group string

// The groups. The set is fixed, so an accepted event always has its queues.
const (
	// Record gets everything, in no particular order.
	Record Group = "record"
	// Dispatch gets what goes to bots, that is everything but changes
	// ([event.Event.IsChange]): one delivery at a time for each order key of a bot.
	Dispatch Group = "dispatch"
	// Dead gets what was buried. Reading it takes nothing out until it is acknowledged.
	Dead Group = "dead"
	// Jobs gets what was handed in for it alone, see [Jobber]: no events, but work to be done.
	Jobs Group = "jobs"
)

var (
	// ErrUnavailable means that the queue takes nothing at present. None of the
	// events of the call is in the queue.
	ErrUnavailable = errors.New("queue unavailable")
	// ErrUnconfirmed means that the queue did not say that it has the events
	// durably. Some may be there; publishing them again with the same ids is safe.
	ErrUnconfirmed = errors.New("publish not confirmed")
	// ErrLost means that a delivery no longer belongs to this consumer (its
	// connection or lease ended). It will be delivered again.
	ErrLost = errors.New("delivery lost")
	// ErrInvalid means that an event of the call is not fit to be published
	// ([event.Event.Validate]). Nothing is queued and repeating the call is pointless.
	ErrInvalid = errors.New("invalid event")
	// ErrTooLarge means that an event of the call exceeds what the queue takes. Nothing
	// is queued and repeating the call is pointless.
	ErrTooLarge = errors.New("event too large for the queue")
	// ErrClosed means that the queue or consumer was closed by its owner.
	ErrClosed = errors.New("queue closed")
)

// Queue is a durable queue of events.
type Queue interface {
	// Publish returns nil only when every event is durable in every group's queue
	// that concerns it. An id that the queue has seen within its repeat window is
	// confirmed without being queued again. Any error is, by errors.Is,
	// ErrUnavailable, ErrUnconfirmed, ErrInvalid, ErrTooLarge, ErrClosed or the context's.
	Publish(ctx context.Context, events ...*event.Event) error
	// Subscribe starts consuming for a group. Consumers of one group, in this and in
	// other processes, share its events between them.
	Subscribe(ctx context.Context, group Group, opts SubscribeOptions) (Consumer, error)
	// Depths counts the events waiting or being worked on in each group but Jobs, and in
	// [AllParked] those of all lanes that this handle knows of.
	Depths(ctx context.Context) (map[Group]int64, error)
	// Ready returns nil when a Publish can be expected to succeed.
	Ready(ctx context.Context) error
	// Close ends all consumers, waits for publishes under way and releases
	// everything. It is safe to call twice.
	Close() error
}

// SubscribeOptions adjusts a subscription.
type SubscribeOptions struct {
	// Prefetch bounds the deliveries that are handed to this consumer, or held
	// ready for it in memory, and not settled yet. Default 256.
	Prefetch int
}

// Consumer is one subscription. Its methods may be called concurrently.
type Consumer interface {
	// Receive waits for deliveries and returns at least one and at most limit of
	// them, or the context's error, or ErrClosed. It outlasts lost connections.
	Receive(ctx context.Context, limit int) ([]*Delivery, error)
	// Ack takes deliveries out of the queue for good.
	Ack(ctx context.Context, deliveries ...*Delivery) error
	// Retry gives a delivery back: it comes again, with a higher Attempt, not before
	// the delay is over. In Dispatch later events of its order key wait for it.
	Retry(ctx context.Context, d *Delivery, delay time.Duration) error
	// Postpone is Retry for a delivery that was not tried: it comes again with the same
	// Attempt.
	Postpone(ctx context.Context, d *Delivery, delay time.Duration) error
	// Bury moves a delivery to the dead letters, where it keeps reason and attempts.
	Bury(ctx context.Context, d *Delivery, reason string) error
	// Close gives unsettled deliveries back at once and waits for its goroutines.
	Close() error
}

// Delivery is one event handed to a consumer, to be settled by exactly one of Ack,
// Retry, Postpone, Bury, and Park of a [Parker].
type Delivery struct {
	Event *event.Event
	// Attempt is one more than the number of times that Retry was called for the event
	// in this group, as far as the queue knows: RabbitMQ forgets them when another
	// process takes over. What came back without being settled was not tried, as far
	// as anybody knows, and does not count; but see Crashes.
	Attempt int
	// Replays is how often the event came back from the dead letters; once it was replayed
	// from the history, that replay's run and how often it came back since.
	Replays int
	// History are the outcomes of earlier attempts since then, oldest first, at most
	// [MaxHistory] and as far as the attempts are known; see [Delivery.Note].
	History []Outcome
	// Crashes is how many consumers ended, by a crash and not by Close, while they had this
	// event in hand, since it was last tried to an end; see [Delivery.Poisonous].
	Crashes int
	// Death says how the event died; set in the group Dead only.
	Death *Death
	// Unreadable says why the event has no Data although it was accepted with some; nil if it
	// is whole. Such a delivery is [Delivery.Poisonous].
	Unreadable error
	// Token belongs to the engine.
	Token any
}

// Death says how an event came into the dead letters.
type Death struct {
	// Group is the group that buried it.
	Group Group `json:"group"`
	// Reason is what Bury was told.
	Reason string `json:"reason"`
	// Attempts is the Attempt of the delivery that was buried.
	Attempts int `json:"attempts"`
	// At is when it was buried.
	At time.Time `json:"at"`
	// Replays is how often the event had come back from the dead letters before.
	Replays int `json:"replays,omitempty"`
	// History is that of the delivery that was buried.
	History []Outcome `json:"history,omitempty"`
}
