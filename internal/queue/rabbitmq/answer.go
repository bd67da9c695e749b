package rabbitmq

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// What bots answer goes back by the broker's direct reply-to (https://www.rabbitmq.com/docs/direct-reply-to), past all
// queues. The name that stands for a channel is of use for messages of that channel, so each that publishes events
// consumes it, too. Answers and what becomes of them have a channel of their own without confirms: what gets
// lost there makes an answer late, and no event is.
const directReply = "amq.rabbitmq.reply-to"

// The types of these messages.
const (
	answerType   = "botgate.answer"    // What the bot said to the event in MessageId.
	noAnswerType = "botgate.no_answer" // There will be none in time.
	takenType    = "botgate.taken"     // To the answer with that CorrelationId.
	lateType     = "botgate.late"
)

// replyTo has the broker put in who published an event that somebody waits for.
func replyTo(e *event.Event) string {
	if e.ReplyBy.IsZero() {
		return ""
	}
	return directReply
}

// replies are the answers that are under way.
type replies struct {
	desk desk.Desk

	mu      sync.Mutex
	made    uint64
	offered map[string]chan<- bool // Those whose taker was not heard of yet.
}

// Desk implements [queue.Queue].
func (q *Queue) Desk() *desk.Desk { return &q.replies.desk }

// Answer implements [queue.Consumer].
func (c *consumer) Answer(ctx context.Context, d *queue.Delivery, answer *event.Answer) bool {
	to := c.replyTo(d)
	if to == "" {
		return false
	}
	conn, err := c.queue.publishing.connection(ctx)
	if err != nil {
		return false
	}
	if answer == nil {
		conn.sendReply(to, amqp.Publishing{Type: noAnswerType, MessageId: d.Event.ID})
		return false
	}
	id, taken, forget := c.queue.replies.offer()
	defer forget()
	conn.sendReply(to, amqp.Publishing{
		Type: answerType, MessageId: d.Event.ID, CorrelationId: id, ReplyTo: directReply,
		ContentType: answer.ContentType, Body: answer.Body,
	})
	select {
	case is := <-taken:
		return is
	case <-ctx.Done():
	case <-conn.life.Done():
	}
	return false
}

// replyTo is the name of who published an event and waits; empty for nobody.
func (c *consumer) replyTo(d *queue.Delivery) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it := c.held(d); it != nil {
		return it.message.ReplyTo
	}
	return ""
}

// offer makes the id of an answer, and says once whether it was taken; forget must follow.
func (r *replies) offer() (id string, taken <-chan bool, forget func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.offered == nil {
		r.offered = map[string]chan<- bool{}
	}
	r.made++
	id = strconv.FormatUint(r.made, 36)
	said := make(chan bool, 1)
	r.offered[id] = said
	return id, said, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.offered, id)
	}
}

// settled passes on whether an answer was taken.
func (r *replies) settled(id string, taken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if said := r.offered[id]; said != nil {
		delete(r.offered, id)
		said <- taken
	}
}

// openReplies opens the channel for answers on a connection that publishes.
func (conn *connection) openReplies() error {
	ch, err := conn.amqp.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	conn.watch.Go(func() {
		if cause := <-closes; cause != nil {
			conn.fail(cause)
		}
	})
	conn.answering = ch
	return conn.consumeReplies(ch)
}

// consumeReplies has a channel get what is for its name, until it ends.
func (conn *connection) consumeReplies(ch *amqp.Channel) error {
	messages, err := ch.Consume(directReply, "", true, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consuming replies: %w", err)
	}
	conn.watch.Go(func() {
		for m := range messages {
			conn.handleReply(&m)
		}
	})
	return nil
}

func (conn *connection) handleReply(m *amqp.Delivery) {
	r := conn.replies
	switch m.Type {
	case answerType:
		said := amqp.Publishing{Type: lateType, CorrelationId: m.CorrelationId}
		if r.desk.Offer(m.MessageId, &event.Answer{ContentType: m.ContentType, Body: m.Body}, time.Now()) {
			said.Type = takenType
		}
		conn.sendReply(m.ReplyTo, said)
	case noAnswerType:
		r.desk.Offer(m.MessageId, nil, time.Now())
	case takenType, lateType:
		r.settled(m.CorrelationId, m.Type == takenType)
	}
}

// sendReply sends a message to a name that may be gone. It is not mandatory: RabbitMQ 3.10 returns one to such a name
// without delivering it, though the name lives.
func (conn *connection) sendReply(to string, m amqp.Publishing) {
	// An error is the end of the channel, which whoever waits is told of.
	_ = conn.answering.PublishWithContext(conn.life, "", to, false, false, m)
}
