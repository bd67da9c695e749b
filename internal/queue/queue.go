// Package queue defines what Botgate asks of its queue. queue/rabbitmq and queue/sqlite
// implement it; the conformance suite in queue/queuetest is the definition of the
// semantics that this file only summarises.
package queue

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
)

// Group is a consumer group: each group gets every event that concerns it once.
type Group string

// The groups.
const (
	// Record gets everything, in no particular order.
	Record Group = "record"
	// Dispatch gets what goes to bots, that is everything but changes
	// ([event.Event.IsChange]): one delivery at a time for each order key of a bot.
	Dispatch Group = "dispatch"
	// Dead gets what was dead-lettered. An event stays there until it is acknowledged.
	Dead Group = "dead"
)

var (
	// ErrUnavailable means that the queue can't take events now. None of the
	// events of the call is in the queue.
	ErrUnavailable = errors.New("queue unavailable")
	// ErrUnconfirmed means that the queue did not say that it has the events
	// durably. Some may be there; publishing them again with the same ids is safe. See
	// [RefusedError] too.
	ErrUnconfirmed = errors.New("publish not confirmed")
	// ErrLost means that a delivery no longer belongs to this consumer (its
	// connection or lease ended). It will be delivered again.
	ErrLost = errors.New("delivery lost")
	// ErrInvalid means that an event of the call is not fit to be published
	// ([event.Event.Validate]). Nothing is queued and repeating the call is pointless.
	ErrInvalid = errors.New("invalid event")
	// ErrTooLarge means that an event of the call exceeds what the queue takes. It is not queued,
	// and repeating the call is pointless; others of the call may be queued.
	ErrTooLarge = errors.New("event too large for the queue")
	// ErrUnknownBot means that the queue never had a bot of that name.
	ErrUnknownBot = errors.New("unknown bot")
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
	// PublishTo publishes an event for one group alone, Record or Dispatch: for one of which it is
	// not known what each group has. Publish does not know it as a repeat; PublishTo knows those
	// of Publish. It is part of the history by what is published for Record. Errors are those of
	// Publish.
	PublishTo(ctx context.Context, group Group, e *event.Event) error
	// Subscribe starts consuming for a group. Consumers of one group, in this and in
	// other processes, share its events between them.
	Subscribe(ctx context.Context, group Group, opts SubscribeOptions) (Consumer, error)
	// DeclareBots makes sure that bots have their queues in Dispatch, also on every connection to
	// come. It may be called before there is a connection. Publish sees to the queues of other
	// bots, too, and takes them to have one each.
	DeclareBots(ctx context.Context, bots Bots) error
	// RetryNow has what waits in Dispatch for its next attempt at a bot go now, in all processes, and
	// tells their consumers; see [SubscribeOptions.OnRetryNow]. A process that is cut off from the
	// queue meanwhile may miss it. [ErrUnknownBot] means that no bot of that name is known.
	RetryNow(ctx context.Context, bot string) error
	// GiveUp tells the consumers of Dispatch that an event of a bot is given up, in all processes, and has
	// it go now if it waits for its next attempt; see [SubscribeOptions.OnGiveUp]. It reaches the
	// processes that RetryNow does, with its errors. Which events there are is not known.
	GiveUp(ctx context.Context, bot, id string) error
	// Depths counts the events ready or in flight in each group, under [ParkingLots] those in all
	// parking lots that this handle knows of, and under [OfBot] the part of Dispatch that is a
	// bot's. An engine that only knows the queues of declared bots leaves Dispatch out without one.
	Depths(ctx context.Context) (map[Group]int64, error)
	// Activity says what is worked on, and how old the oldest of it is. An engine that has queues in a
	// broker knows it of this handle's consumers, which have the oldest event of each queue that they work
	// on, and what waits for a retry; one that has all in one place, of all consumers.
	Activity(ctx context.Context) (Activity, error)
	// Redeliver queues events of the log for Dispatch, and for no other group, behind what waits there.
	// No repeat window of an earlier delivery drops them; one that is redelivered again with the
	// same Replays may be delivered once or twice. With Replays a change of the event
	// ([event.StatusReplayed]) is published as well. It is no part of the history. Errors are those
	// of Publish.
	Redeliver(ctx context.Context, events ...Redelivery) error
	// Missing returns those of the events that Dispatch does not have, neither ready nor in flight: they
	// were settled, or are lost. What can't be known within some seconds, as of a bot with a backlog, and
	// what was settled a moment ago, counts as there. Errors are ErrUnavailable, ErrClosed and the
	// context's.
	Missing(ctx context.Context, events ...Redelivery) ([]Redelivery, error)
	// Desk has those who wait for what bots answer to events that this handle publishes with [event.Event.ReplyBy];
	// see [Consumer.Answer].
	Desk() *desk.Desk
	History
	// Ready returns nil when a Publish can be expected to succeed.
	Ready(ctx context.Context) error
	// Close ends all consumers, waits for publishes under way and releases
	// everything. It is safe to call twice.
	Close() error
}

// SubscribeOptions adjusts a subscription.
type SubscribeOptions struct {
	// Prefetch bounds the deliveries that are handed to this consumer, or held
	// ready for it in memory, and not settled yet; in Dispatch those of each bot. Default 256.
	Prefetch int
	// PrefetchMost is up to what an engine may raise Prefetch where processes share the bots, so that
	// each holds fewer of them: in proportion. Default: Prefetch.
	PrefetchMost int
	// Bots are those whose events are consumed, in Dispatch; they are declared. An engine that has
	// all bots in one place consumes the others, too. Default: those declared on this handle.
	Bots Bots
	// OnRetryNow is called with a bot's name for each [Queue.RetryNow], soon after it, in Dispatch. It
	// must return at once. Default: nobody is told.
	OnRetryNow func(bot string)
	// OnGiveUp is called in the same way for each [Queue.GiveUp], before the event goes.
	OnGiveUp func(bot, id string)
}

// TellRetryNow calls OnRetryNow if there is one.
func (o SubscribeOptions) TellRetryNow(bot string) {
	if o.OnRetryNow != nil {
		o.OnRetryNow(bot)
	}
}

// TellGiveUp calls OnGiveUp if there is one.
func (o SubscribeOptions) TellGiveUp(bot, id string) {
	if o.OnGiveUp != nil {
		o.OnGiveUp(bot, id)
	}
}

// Bounded is the options with their defaults. It is for engines.
func (o SubscribeOptions) Bounded() SubscribeOptions {
	if o.Prefetch <= 0 {
		o.Prefetch = 256
	}
	o.PrefetchMost = max(o.PrefetchMost, o.Prefetch)
	return o
}

// Consumer is one subscription. Its methods may be called concurrently.
type Consumer interface {
	// Receive waits for deliveries and returns at least one and at most limit of
	// them, or the context's error, or ErrClosed. It outlasts lost connections.
	Receive(ctx context.Context, limit int) ([]*Delivery, error)
	// Ack takes deliveries out of the queue for good.
	Ack(ctx context.Context, deliveries ...*Delivery) error
	// Retry requeues a delivery: it is delivered again, with a higher Attempt, after the
	// delay. In Dispatch later events of its order key wait for it.
	Retry(ctx context.Context, d *Delivery, delay time.Duration) error
	// Postpone requeues a delivery that was not attempted: it is delivered again with the same
	// Attempt.
	Postpone(ctx context.Context, d *Delivery, delay time.Duration) error
	// DeadLetter moves a delivery to the dead letters, with the reason and its attempts.
	DeadLetter(ctx context.Context, d *Delivery, reason string) error
	// Park moves deliveries of Record, or of a parking lot, to the parking lot of that name,
	// so that what can't be handled now does not hold up the rest; see [ParkingLot]. Each is
	// durably there before it is gone here: a crash in between can leave both, never
	// neither. On ErrUnavailable and ErrUnconfirmed the caller still holds all of them; those
	// that are lost do not keep the others from being parked.
	Park(ctx context.Context, name string, deliveries ...*Delivery) error
	// Redrive moves deliveries of Dead back to the groups that dead-lettered them, as if they had not
	// been. Each is durably there before it is gone here, as with Park. What is no event is
	// ErrInvalid, and none of the call is moved.
	Redrive(ctx context.Context, deliveries ...*Delivery) error
	// Answer offers what the bot answered to the [Queue.Desk] of who published the event, and reports whether it was
	// taken there: that of one attempt is, while somebody waits for it. A nil answer says that there will be
	// none in time. It settles nothing. An answer whose taker is not heard of before ctx ends counts as not taken.
	Answer(ctx context.Context, d *Delivery, answer *event.Answer) (taken bool)
	// Adjust changes Prefetch, PrefetchMost and Bots of a consumer of Dispatch; nothing else of the options is
	// looked at. What goes on is not interrupted: a bot that is new is consumed as from Subscribe on, and the
	// deliveries of one that is there no more are recalled where it has queues of its own, in which the rest
	// waits until a consumer has the bot again. A bot that gets fewer queues is consumed from all that it had.
	// After Close it is ErrClosed.
	Adjust(opts SubscribeOptions) error
	// Close requeues unsettled deliveries at once and waits for its goroutines.
	Close() error
}

// Delivery is one event handed to a consumer, to be settled by exactly one of Ack,
// Retry, Postpone, DeadLetter, Park and Redrive.
type Delivery struct {
	Event *event.Event
	// Attempt is one more than the number of times that Retry was called for the event
	// in this group, as far as the queue knows: RabbitMQ forgets them when another
	// process takes over. Redeliveries of unacknowledged messages do not count as
	// attempts; but see Crashes.
	Attempt int
	// Replays is how often the event was redriven from the dead letters; for one that was
	// replayed from the history, that replay's id plus how often it was redriven since.
	Replays int
	// Outcomes are those of earlier attempts since the last redrive or replay, oldest first, at
	// most [MaxOutcomes] and as far as the attempts are known; see [Delivery.Note].
	Outcomes []Outcome
	// Crashes is how many consumers ended, by a crash and not by Close, while they held this
	// event, since an attempt at it last came to an end; see [Delivery.Poison].
	Crashes int
	// Dead says why the event is a dead letter; set in the group Dead only.
	Dead *DeadInfo
	// Unreadable says why the event has no Data although it was accepted with some; nil if it
	// is whole. Such a delivery is [Delivery.Poison].
	Unreadable error
	// Recalled ends when the queue wants the delivery back, to leave it to another process, or lost it with a
	// connection, so that another one may have it: what was not begun is to be given back with Postpone, what
	// was is to be ended as usual. Nil for never.
	Recalled context.Context
	// Token belongs to the engine.
	Token any
}

// IsRecalled reports whether the queue wants the delivery back.
func (d *Delivery) IsRecalled() bool { return d.Recalled != nil && d.Recalled.Err() != nil }

// OnRecall calls f once the queue wants the delivery back, unless stop was called before.
func (d *Delivery) OnRecall(f func()) (stop func() bool) {
	if d.Recalled == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(d.Recalled, f)
}

// MaxOutcomes is how many outcomes travel with a delivery: the first, which says how long the
// event has been failing, and the last ones.
const MaxOutcomes = 10

// Outcome is the result of an attempt.
type Outcome struct {
	// Attempt counts from 1.
	Attempt int `json:"attempt"`
	// At is when the attempt ended.
	At time.Time `json:"at"`
	// StatusCode is the HTTP answer; 0 when there was none.
	StatusCode int `json:"status_code,omitempty"`
	// Error says in a few words why the attempt failed.
	Error string `json:"error,omitempty"`
}

// Note adds the outcome of an attempt to a delivery. Outcomes are kept by Retry, as far as the
// attempts are, and by DeadLetter.
func (d *Delivery) Note(o Outcome) {
	d.Outcomes = append(slices.Clone(d.Outcomes), o)
	if len(d.Outcomes) > MaxOutcomes {
		d.Outcomes = slices.Delete(d.Outcomes, 1, 2)
	}
}
