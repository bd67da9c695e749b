package rabbitmq

import (
	"fmt"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// deliveryLimit is the backstop for an event that takes its consumer down each time:
// after so many returns the broker moves it to the dead letters itself. It is far above
// any number of attempts, because the broker also counts an event that a consumer only
// held in memory when it went away.
const deliveryLimit = 200

// deadLimit stands for no limit in the dead letters, from where the broker could only
// throw away. RabbitMQ 4 has a low one by default and 3.x knows no word for none.
const deadLimit = 1 << 30

// topology names what is declared. It is fixed, so an accepted event always has its
// queues whichever bots exist:
//
//	<prefix>.events           topic exchange; keys <bot>.<partition>, <bot>.change
//	<prefix>.record           "#"    everything
//	<prefix>.dispatch.0 … 15  "*.<n>" one partition each, with a single active consumer
//	<prefix>.dead             reached through the default exchange only
//
// A queue cannot change its arguments. One that has to gets a new name ("….v2"); the
// old one is drained by the consumers and then deleted by the operator. The broker
// returns a message only when no queue at all takes it, so nobody may unbind or delete
// a single queue while gateways run.
type topology struct{ prefix string }

func (t topology) exchange() string { return t.prefix + ".events" }
func (t topology) record() string   { return t.prefix + ".record" }
func (t topology) dead() string     { return t.prefix + ".dead" }
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
	return nil
}

// groupOf is the group that consumes a queue.
func (t topology) groupOf(name string) queue.Group {
	name = strings.TrimPrefix(name, t.prefix+".")
	name, _, _ = strings.Cut(name, ".")
	return queue.Group(name)
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

// declarations lists the dead letters first, because the others refer to them.
func (t topology) declarations() []declaration {
	all := []declaration{
		{t.dead(), "", amqp.Table{"x-queue-type": "quorum", "x-delivery-limit": deadLimit}},
		{t.record(), "#", t.quorum(nil)},
	}
	for p := range event.Partitions {
		all = append(all, declaration{
			t.dispatch(p), "*." + strconv.Itoa(p),
			t.quorum(amqp.Table{"x-single-active-consumer": true}),
		})
	}
	return all
}

// quorum are the arguments of a queue whose poison goes to the dead letters without a
// gap: at-least-once dead lettering, which asks for reject-publish.
func (t topology) quorum(extra amqp.Table) amqp.Table {
	args := amqp.Table{
		"x-queue-type":              "quorum",
		"x-delivery-limit":          deliveryLimit,
		"x-overflow":                "reject-publish",
		"x-dead-letter-exchange":    "",
		"x-dead-letter-routing-key": t.dead(),
		"x-dead-letter-strategy":    "at-least-once",
	}
	for k, v := range extra {
		args[k] = v
	}
	return args
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
