package rabbitmq

import (
	"fmt"
	"sync"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// deliveryLimit stands for none: the broker also counts redeliveries of what a consumer only
// prefetched, and lost connections, and it would dead-letter without a change of the event. So
// the consumers find poison messages, see poison.go. RabbitMQ 4 has a low limit by default and
// 3.x no value for none.
const deliveryLimit = 1 << 30

const (
	// sharedQueues is the number of queues where bots share them.
	sharedQueues = 64
	// sharedPrefetch bounds what is prefetched of each of those.
	sharedPrefetch = 256
)

// topology names what is declared:
//
//	<prefix>.events          fanout exchange for events, to .recording, .dispatch and .history
//	<prefix>.changes         fanout exchange for what goes to no bot, to .recording and .history
//	<prefix>.recording       fanout exchange to <prefix>.record
//	<prefix>.dispatch        direct exchange to <prefix>.bot.<bot>, bound by <bot>.0, and where a bot
//	                         has several queues to <prefix>.bot.<bot>.<n>, bound by <bot>.<n>. Each
//	                         has a single active consumer. Where bots share queues it is a topic
//	                         exchange to <prefix>.shared.0 … 63: so processes that disagree about
//	                         that can't both declare it.
//	<prefix>.history         a stream, where a history is kept; behind an exchange of the same name,
//	                         see history_stream.go
//	<prefix>.unrecorded      alternate exchanges of .recording and .dispatch, and the queues of what
//	<prefix>.unrouted        came there: the consumers of the group move it where it belongs
//	<prefix>.dead            reached through the default exchange only
//	<prefix>.record.parked.… one for each parking lot, once it is used; reached through the
//	                         default exchange only, see parkinglot.go
//	<prefix>.members         fanout exchange to an exclusive queue <prefix>.member.… of each process
//	                         that consumes the queues of bots, see consume_members.go
//
// and for a while <prefix>.turn and <prefix>.suspect.<group>.<event>.
//
// Each message passes two of the exchanges, so none that all pass is a topic exchange: matching
// patterns costs the broker an eighth of what it spends on a message.
//
// A queue cannot change its arguments. One that has to gets a new name ("….v2"); the
// old one is drained by the consumers and then deleted by the operator.
type topology struct {
	prefix          string
	events, changes string
	shared          bool
	// bots has, by the names of bots and of their other lanes, the [declared] ones.
	bots *sync.Map
}

func newTopology(prefix string, shared bool) topology {
	return topology{
		prefix: prefix, events: prefix + ".events", changes: prefix + ".changes", shared: shared, bots: new(sync.Map),
	}
}

func (t topology) recording() string  { return t.prefix + ".recording" }
func (t topology) dispatch() string   { return t.prefix + ".dispatch" }
func (t topology) record() string     { return t.prefix + ".record" }
func (t topology) unrecorded() string { return t.prefix + ".unrecorded" }
func (t topology) unrouted() string   { return t.prefix + ".unrouted" }
func (t topology) dead() string       { return t.prefix + ".dead" }
func (t topology) history() string    { return t.prefix + ".history" }

func (t topology) parkingLot(name string) string { return t.prefix + ".record.parked." + name }

// suspect is the queue of the marks of an event.
func (t topology) suspect(group queue.Group, id string) string {
	return t.prefix + ".suspect." + string(group) + "." + id
}

// members is the exchange over which the processes that consume Dispatch hear of each other.
func (t topology) members() string { return t.prefix + ".members" }

// member is the queue of one of them, with another name on each connection.
func (t topology) member() string { return t.prefix + ".member." + uuid.NewString() }

// turn is the queue that is the lock of [Queue.declareInTurn].
func (t topology) turn() string { return t.prefix + ".turn" }

// home is the queue of an event in a group that consumes the exchanges.
func (t topology) home(group queue.Group, e *event.Event) declaration {
	if group == queue.Record {
		return declaration{name: t.record(), exchange: t.recording(), keys: []string{""}, args: quorum()}
	}
	lane := t.lane(e)
	return t.ofBots(lane)[e.Bucket(t.queuesOf(lane))]
}

// queues lists the queues that a group consumes, nil for a group that does not exist.
func (t topology) queues(group queue.Group, bots ...string) []declaration {
	switch group {
	case queue.Record:
		return []declaration{t.home(group, nil), t.strays(t.unrecorded())}
	case queue.Dead:
		return []declaration{{name: t.dead(), args: quorum()}}
	case queue.Dispatch:
		return append(t.ofBots(bots...), t.strays(t.unrouted()))
	default:
		if name, ok := group.ParkingLot(); ok {
			return []declaration{t.lot(name)}
		}
		return nil
	}
}

// strays is the queue of an alternate exchange.
func (t topology) strays(name string) declaration {
	return declaration{name: name, exchange: name, keys: []string{""}, args: ordered(), strays: true}
}

// address is where an event is published for all groups that it concerns. A change does not concern
// Dispatch, nor does what is scheduled, and a report not the history.
func (t topology) address(e *event.Event) destination {
	switch {
	case e.IsReport():
		return destination{exchange: t.recording()}
	case !e.ForBot():
		return destination{t.changes, e.Bot}
	}
	return destination{t.events, t.botKeyOf(e)}
}

// declaration is one queue with its bindings.
type declaration struct {
	name     string
	exchange string
	keys     []string
	args     amqp.Table
	bot      string // Whose alone it is, if it is a bot's.
	part     int    // Of so many that the bot has; 0 is 1.
	strays   bool   // It holds what belongs elsewhere.
}

// window is what is prefetched of the queue where each bot may have that much in all its queues.
func (d declaration) window(perBot int) int {
	if len(d.keys) > 1 {
		return min(sharedPrefetch, perBot*len(d.keys))
	}
	return max(1, perBot/max(1, d.part))
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

// ordered are the arguments of a queue that has one consumer at a time.
func ordered() amqp.Table {
	args := quorum()
	args["x-single-active-consumer"] = true
	return args
}

// declare declares everything but the queues of bots.
func (t topology) declare(ch *amqp.Channel) error {
	dispatch := amqp.ExchangeDirect
	if t.shared {
		dispatch = amqp.ExchangeTopic
	}
	for _, x := range []struct{ name, kind, alternate string }{
		{t.events, amqp.ExchangeFanout, ""},
		{t.changes, amqp.ExchangeFanout, ""},
		{t.unrecorded(), amqp.ExchangeFanout, ""},
		{t.unrouted(), amqp.ExchangeFanout, ""},
		{t.recording(), amqp.ExchangeFanout, t.unrecorded()},
		{t.dispatch(), dispatch, t.unrouted()},
	} {
		args := amqp.Table{}
		if x.alternate != "" {
			args["alternate-exchange"] = x.alternate
		}
		if err := ch.ExchangeDeclare(x.name, x.kind, true, false, false, false, args); err != nil {
			return fmt.Errorf("declaring exchange %s: %w", x.name, err)
		}
	}
	for _, group := range []queue.Group{queue.Record, queue.Dispatch, queue.Dead} {
		if err := declareQueues(ch, t.queues(group)); err != nil {
			return err
		}
	}
	for _, b := range []struct{ from, to string }{
		{t.events, t.recording()}, {t.events, t.dispatch()}, {t.changes, t.recording()},
	} {
		if err := ch.ExchangeBind(b.to, "", b.from, false, nil); err != nil {
			return fmt.Errorf("binding exchange %s: %w", b.to, err)
		}
	}
	return nil
}

// declareQueues declares queues with their bindings.
func declareQueues(ch *amqp.Channel, all []declaration) error {
	for _, d := range all {
		if _, err := ch.QueueDeclare(d.name, true, false, false, false, d.args); err != nil {
			return fmt.Errorf("declaring queue %s: %w", d.name, err)
		}
		for _, key := range d.keys {
			if err := ch.QueueBind(d.name, key, d.exchange, false, nil); err != nil {
				return fmt.Errorf("binding queue %s: %w", d.name, err)
			}
		}
	}
	return nil
}
