package rabbitmq

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

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
	ofBot := map[string][]queue.Redelivery{}
	for _, r := range events {
		ofBot[r.Event.Bot] = append(ofBot[r.Event.Bot], r)
	}
	held, err := q.askAll(ctx, ofBot)
	if err != nil {
		return nil, fmt.Errorf("asking what waits: %w", err)
	}
	var missing []queue.Redelivery
	for bot, known := range held {
		for _, r := range ofBot[bot] {
			if !known[redeliveryID(r.Event.ID, r.Replays)] {
				missing = append(missing, r)
			}
		}
	}
	return missing, nil
}

// askAll returns, of the bots that can be known, the ids that they have.
func (q *Queue) askAll(ctx context.Context, ofBot map[string][]queue.Redelivery) (map[string]map[string]bool, error) {
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
	for bot, events := range ofBot {
		if err == nil {
			err = a.ask(bot, events)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, explain(err))
	}
	return a.collect(ctx), nil
}

// asker asks the consumers of bots' queues.
type asker struct {
	conn     *amqp.Connection
	topology topology
	ch       *amqp.Channel
	answers  <-chan amqp.Delivery
	held     map[string]map[string]bool // What each bot has.
	open     map[string]int             // How many answers of a bot are outstanding.
}

func newAsker(conn *amqp.Connection, t topology) (*asker, error) {
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	answers, err := ch.Consume(directReply, "", true, false, false, false, nil)
	return &asker{conn, t, ch, answers, map[string]map[string]bool{}, map[string]int{}}, err
}

// ask asks all queues of a bot, unless there is nobody who could answer.
func (a *asker) ask(bot string, events []queue.Redelivery) error {
	ids := make([]string, len(events))
	for n, r := range events {
		ids[n] = redeliveryID(r.Event.ID, r.Replays)
	}
	body, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	consumed, known, err := a.queuesOf(bot)
	if err != nil || !known {
		return err
	}
	a.held[bot], a.open[bot] = map[string]bool{}, len(consumed)
	for _, name := range consumed {
		err := a.ch.Publish("", name, false, false, amqp.Publishing{
			Headers: amqp.Table{headerQuestion: true}, ReplyTo: directReply, CorrelationId: bot, Body: body,
			Expiration: strconv.FormatInt(questionTime.Milliseconds(), 10),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// queuesOf looks for the queues of a bot, which other processes may have declared, and returns those
// with a consumer. What is in another one is not known, if there is something.
func (a *asker) queuesOf(bot string) (consumed []string, known bool, err error) {
	for n := range queue.MaxBotQueues {
		name := a.topology.botQueue(bot, n)
		ch, err := a.conn.Channel()
		if err != nil {
			return nil, false, err
		}
		state, err := inspect(ch, name)
		switch {
		case answered(err, amqp.NotFound): // The broker has closed the channel.
			a.topology.bots.LoadOrStore(bot, botKeys(bot, n))
			return consumed, n > 0, nil
		case err != nil:
			return nil, false, err
		case state.Consumers > 0:
			consumed = append(consumed, name)
		case state.Messages > 0:
			return nil, false, ch.Close()
		}
		if err := ch.Close(); err != nil || a.topology.shared {
			return consumed, err == nil, err
		}
	}
	return consumed, true, nil
}

// collect waits for the answers, and forgets bots that did not give all of them.
func (a *asker) collect(ctx context.Context) map[string]map[string]bool {
	outstanding := 0
	for _, n := range a.open {
		outstanding += n
	}
	for outstanding > 0 && a.next(ctx) {
		outstanding--
	}
	maps.DeleteFunc(a.held, func(bot string, _ map[string]bool) bool { return a.open[bot] > 0 })
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
