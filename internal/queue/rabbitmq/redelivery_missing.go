package rabbitmq

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// The broker tells nobody what is in a queue, so the consumers are asked: a question is a message at
// the end of a bot's queue. When it comes to the consumer, everything that stood before it came, too:
// what the consumer does not hold then was settled, or is lost. The answer goes to the broker's
// direct reply-to (https://www.rabbitmq.com/docs/direct-reply-to).
const (
	// headerQuestion makes a message a question. Its body has the ids that are asked for, and that of
	// the answer those that the consumer has.
	headerQuestion = "botgate-question"
	// questionTime bounds how long answers are waited for; a question that is older is dropped by the
	// broker. So those to a queue with a backlog don't pile up.
	questionTime = 5 * time.Second
)

func isQuestion(m *amqp.Delivery) bool { return m.Headers[headerQuestion] != nil && m.ReplyTo != "" }

// Missing implements [queue.Queue], on a new connection: the broker may block it.
func (q *Queue) Missing(ctx context.Context, events ...queue.Redelivery) ([]queue.Redelivery, error) {
	if err := q.usable(ctx); err != nil || len(events) == 0 {
		return nil, err
	}
	ofLane := map[string][]queue.Redelivery{}
	for _, r := range events {
		ofLane[r.Event.Lane()] = append(ofLane[r.Event.Lane()], r)
	}
	held, err := q.askAll(ctx, ofLane)
	if err != nil {
		return nil, fmt.Errorf("asking what waits: %w", err)
	}
	var missing []queue.Redelivery
	for lane, known := range held {
		for _, r := range ofLane[lane] {
			if !known[redeliveryID(r.Event.ID, r.Replays)] {
				missing = append(missing, r)
			}
		}
	}
	return missing, nil
}

// askAll returns, of the lanes that can be known, the ids that they have.
func (q *Queue) askAll(ctx context.Context, ofLane map[string][]queue.Redelivery) (map[string]map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	conn, err := q.dialer.dial(ctx, "ask")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	closing := func() { _ = conn.CloseDeadline(time.Now().Add(closeTimeout)) }
	defer closing()
	defer context.AfterFunc(ctx, closing)() // The calls of the library know no context.
	a, err := newAsker(conn, q.topology)
	for lane, events := range ofLane {
		if err == nil {
			err = a.ask(lane, events)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, explain(err))
	}
	return a.collect(ctx), nil
}

// asker asks the consumers of the queues of lanes.
type asker struct {
	conn     *amqp.Connection
	topology topology
	ch       *amqp.Channel
	answers  <-chan amqp.Delivery
	held     map[string]map[string]bool // What each lane has.
	open     map[string]int             // How many answers of a lane are outstanding.
}

func newAsker(conn *amqp.Connection, t topology) (*asker, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	answers, err := ch.Consume(directReply, "", true, false, false, false, nil)
	return &asker{conn, t, ch, answers, map[string]map[string]bool{}, map[string]int{}}, err
}

// ask asks all queues of a lane, unless there is nobody who could answer.
func (a *asker) ask(lane string, events []queue.Redelivery) error {
	ids := make([]string, len(events))
	for n, r := range events {
		ids[n] = redeliveryID(r.Event.ID, r.Replays)
	}
	body, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	consumed, known, err := a.queuesFor(lane)
	if err != nil || !known {
		return err
	}
	a.held[lane], a.open[lane] = map[string]bool{}, len(consumed)
	for _, name := range consumed {
		err := a.ch.Publish("", name, false, false, amqp.Publishing{
			Headers: amqp.Table{headerQuestion: true}, ReplyTo: directReply, CorrelationId: lane, Body: body,
			Expiration: strconv.FormatInt(questionTime.Milliseconds(), 10),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// queuesFor returns the queues in which events of a lane may be, with those of its bot: whoever redelivered one may not have
// known of the lane.
func (a *asker) queuesFor(lane string) (consumed []string, known bool, err error) {
	bot := event.BotOf(lane)
	consumed, found, known, err := a.queuesOf(bot)
	if err != nil || !known || found == 0 || lane == bot || a.topology.shared {
		return consumed, known && found > 0, err
	}
	more, _, known, err := a.queuesOf(lane)
	return append(consumed, more...), known, err
}

// queuesOf looks for the queues of a lane, which other processes may have declared, and returns how many there are and
// those with a consumer. What is in another one is not known, if there is something.
func (a *asker) queuesOf(lane string) (consumed []string, found int, known bool, err error) {
	for n := range queue.MaxBotQueues {
		name := a.topology.botQueue(lane, n)
		ch, err := a.conn.Channel()
		if err != nil {
			return nil, n, false, err
		}
		state, err := inspect(ch, name)
		switch {
		case answered(err, amqp.NotFound): // The broker has closed the channel.
			// Who does not declare a lane does not hear either when its bot has that no more.
			if event.BotOf(lane) == lane {
				a.topology.bots.LoadOrStore(lane, declared{keys: botKeys(lane, n)})
			}
			return consumed, n, true, nil
		case err != nil:
			return nil, n, false, err
		case state.Consumers > 0:
			consumed = append(consumed, name)
		case state.Messages > 0:
			return nil, n, false, ch.Close()
		}
		if err := ch.Close(); err != nil || a.topology.shared {
			return consumed, n + 1, err == nil, err
		}
	}
	return consumed, queue.MaxBotQueues, true, nil
}

// collect waits for the answers, and forgets lanes that did not give all of them.
func (a *asker) collect(ctx context.Context) map[string]map[string]bool {
	outstanding := 0
	for _, n := range a.open {
		outstanding += n
	}
	for outstanding > 0 && a.next(ctx) {
		outstanding--
	}
	maps.DeleteFunc(a.held, func(lane string, _ map[string]bool) bool { return a.open[lane] > 0 })
	return a.held
}

// next takes an answer. It returns false when there will be none.
func (a *asker) next(ctx context.Context) bool {
	for {
		select {
		case m, isOpen := <-a.answers:
			var ids []string
			if !isOpen || json.Unmarshal(m.Body, &ids) != nil {
				return false
			}
			held, asked := a.held[m.CorrelationId]
			if !asked {
				continue
			}
			for _, id := range ids {
				held[id] = true
			}
			a.open[m.CorrelationId]--
			return true
		case <-ctx.Done():
			return false
		}
	}
}
