package rabbitmq

import (
	"fmt"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// deliveryLimit stands for none: how often a message was returned says nothing about it,
// because the broker also counts what a consumer only held in memory, and lost connections,
// and the bot's history would not say that the event is dead. So the consumers find out what
// takes them down, see probation.go. RabbitMQ 4 has a low limit by default and 3.x knows no
// word for none.
const deliveryLimit = 1 << 30

// topology names what is declared. It is fixed, so an accepted event always has its
// queues whichever bots exist:
//
//	<prefix>.events           topic exchange; keys <bot>.<partition>, <bot>.change
//	<prefix>.record           "#"    everything
//	<prefix>.dispatch.0 … 15  "*.<n>" one partition each, with a single active consumer
//	<prefix>.dead             reached through the default exchange only
//	<prefix>.history          "#"    a stream, where a history is kept; behind an exchange of
//	                                 the same name, see stream.go
//	<prefix>.record.parked.…  one for each lane, once somebody uses it; reached through the
//	                          default exchange only, see park.go
//
// and for a while <prefix>.dead.lock and <prefix>.suspect.<group>.<event>.
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

func (t topology) parked(lane string) string { return t.prefix + parkedInfix + lane }

// parkedInfix stands between the prefix and the name of a lane.
const parkedInfix = ".record.parked."

// suspect is the queue of the marks of an event.
func (t topology) suspect(group queue.Group, id string) string {
	return t.prefix + ".suspect." + string(group) + "." + id
}

// deadLock is a queue that only the one who looks through the dead letters has.
func (t topology) deadLock() string { return t.prefix + ".dead.lock" }

func (t topology) dispatch(partition int) string {
	return t.prefix + ".dispatch." + strconv.Itoa(partition)
}

// queues lists the queues that a group consumes, nil for a group that does not exist.
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
	}
	if lane, ok := group.ParkingLot(); ok {
		return []string{t.parked(lane)}
	}
	return nil
}

// routingKey leads an event to all groups that it concerns. A change has no partition.
func routingKey(e *event.Event) string {
	if e.IsChange() {
		return e.Bot + ".change"
	}
	return e.Bot + "." + strconv.Itoa(e.Partition())
}

// declaration is one queue with what leads to it.
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

// quorum are the arguments of every queue. Where an operator limits its length, it refuses
// new messages; the default would drop the oldest.
func quorum() amqp.Table {
	return amqp.Table{
		"x-queue-type":     "quorum",
		"x-delivery-limit": deliveryLimit,
		"x-overflow":       "reject-publish",
	}
}

// declare makes sure that everything exists.
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
