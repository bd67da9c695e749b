package rabbitmq

import (
	"fmt"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// deliveryLimit stands for none: the broker also counts redeliveries of what a consumer only
// prefetched, and lost connections, and it would dead-letter without a change of the event. So
// the consumers find poison messages, see poison.go. RabbitMQ 4 has a low limit by default and
// 3.x no value for none.
const deliveryLimit = 1 << 30

// topology names what is declared. It is fixed, so an accepted event always has its
// queues whichever bots exist:
//
//	<prefix>.events           topic exchange; keys <bot>.<partition>, <bot>.change
//	<prefix>.record           "#"    everything
//	<prefix>.dispatch.0 … 15  "*.<n>" one partition each, with a single active consumer
//	<prefix>.dead             reached through the default exchange only
//	<prefix>.history          "#"    a stream, where a history is kept; behind an exchange of
//	                                 the same name, see history_stream.go
//	<prefix>.record.parked.…  one for each parking lot, once it is used; reached through the
//	                          default exchange only, see parkinglot.go
//
// and for a while <prefix>.dead.lock, <prefix>.turn and <prefix>.suspect.<group>.<event>.
//
// A queue cannot change its arguments. One that has to gets a new name ("….v2"); the
// old one is drained by the consumers and then deleted by the operator. The broker
// returns a message only when no queue at all takes it, so nobody may unbind or delete
// a single queue while gateways run.
type topology struct{ prefix string }

func (t topology) exchange() string { return t.prefix + ".events" }
func (t topology) record() string   { return t.prefix + ".record" }
func (t topology) dead() string     { return t.prefix + ".dead" }
func (t topology) history() string  { return t.prefix + ".history" }

func (t topology) parkingLot(name string) string { return t.prefix + parkingLotInfix + name }

// parkingLotInfix stands between the prefix and the name of a parking lot.
const parkingLotInfix = ".record.parked."

// suspect is the queue of the marks of an event.
func (t topology) suspect(group queue.Group, id string) string {
	return t.prefix + ".suspect." + string(group) + "." + id
}

// deadLock is the queue that is the lock of [Queue.browse].
func (t topology) deadLock() string { return t.prefix + ".dead.lock" }

// turn is the queue that is the lock of [Queue.declareInTurn].
func (t topology) turn() string { return t.prefix + ".turn" }

func (t topology) dispatch(partition int) string {
	return t.prefix + ".dispatch." + strconv.Itoa(partition)
}

// queues lists the queues of a group, nil for a group that does not exist.
func (t topology) queues(group queue.Group) []string {
	switch group {
	case queue.Record:
		return []string{t.record()}
	case queue.Dead:
		return []string{t.dead()}
	case queue.Dispatch:
		names := make([]string, event.Partitions)
		for p := range names {
			names[p] = t.dispatch(p)
		}
		return names
	default:
		if name, ok := group.ParkingLot(); ok {
			return []string{t.parkingLot(name)}
		}
		return nil
	}
}

// routingKey routes an event to all groups that it concerns. A change has no partition.
func routingKey(e *event.Event) string {
	if e.IsChange() {
		return e.Bot + ".change"
	}
	return e.Bot + "." + strconv.Itoa(e.Partition())
}

// declaration is one queue with its binding.
type declaration struct {
	name    string
	binding string // Empty for none.
	args    amqp.Table
}

func (t topology) declarations() []declaration {
	all := []declaration{
		{t.record(), "#", quorum()},
		{t.dead(), "", quorum()},
	}
	for p := range event.Partitions {
		args := quorum()
		args["x-single-active-consumer"] = true
		all = append(all, declaration{t.dispatch(p), "*." + strconv.Itoa(p), args})
	}
	return all
}

// quorum are the arguments of every queue. Where an operator limits its length, new messages
// are nacked; the default would drop the oldest.
func quorum() amqp.Table {
	return amqp.Table{
		"x-queue-type":     "quorum",
		"x-delivery-limit": deliveryLimit,
		"x-overflow":       "reject-publish",
	}
}

// declare declares everything.
func (t topology) declare(ch *amqp.Channel) error {
	if err := ch.ExchangeDeclare(t.exchange(), amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		return fmt.Errorf("declaring exchange %s: %w", t.exchange(), err)
	}
	for _, d := range t.declarations() {
		if _, err := ch.QueueDeclare(d.name, true, false, false, false, d.args); err != nil {
			return fmt.Errorf("declaring queue %s: %w", d.name, err)
		}
		if d.binding == "" {
			continue
		}
		if err := ch.QueueBind(d.name, d.binding, t.exchange(), false, nil); err != nil {
			return fmt.Errorf("binding queue %s: %w", d.name, err)
		}
	}
	return nil
}
