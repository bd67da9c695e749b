package rabbitmq

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue/rabbitmq/share"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// maxUnread bounds the announcements that wait in a member's queue; the oldest ones go first.
	maxUnread = 1000
	// gatherPart is the part of the time between announcements in which changes are gathered into one.
	gatherPart = 20
)

// listen hears what members announce until ctx ends. The queue that it comes to is deleted with the
// connection.
func (s *sharing) listen(ctx context.Context) {
	for failures := 0; ; failures++ {
		conn, err := s.queue.consuming.await(ctx)
		if err != nil {
			return
		}
		err = s.listenOnce(ctx, conn)
		s.listening.Store(false)
		if ctx.Err() != nil {
			return
		}
		if !answered(err, amqp.AccessRefused) {
			retry.Sleep(ctx, reconnectBackoff.Delay(failures))
			continue
		}
		if s.refused.CompareAndSwap(false, true) {
			s.queue.config.Logger.Warn("processes can't hear of each other, so each waits for all queues of bots and they "+
				"share no work: let the user of the queue URL configure, write and read the exchange",
				"exchange", s.queue.topology.members(), "error", explain(err))
		}
		select {
		case <-conn.life.Done():
		case <-ctx.Done():
		}
	}
}

// listenOnce listens until the connection or the context ends.
func (s *sharing) listenOnce(ctx context.Context, conn *connection) error {
	ch, err := conn.amqp.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	defer func() { _ = ch.Close() }() // After an error it is closed already.
	heard, err := s.declareMember(ch)
	if err != nil {
		return err
	}
	s.listening.Store(true)
	s.news.Signal()
	for {
		select {
		case m, ok := <-heard:
			if !ok {
				return errBrokerClosed
			}
			switch m.Type {
			case retryNowType:
				s.queue.hearRetryNow(string(m.Body))
			case giveUpType:
				s.queue.hearGiveUp(string(m.Body), m.MessageId)
			default:
				s.hear(m.Body)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// declareMembers makes the exchange to all members.
func declareMembers(ch *amqp.Channel, name string) error {
	if err := ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil); err != nil {
		return fmt.Errorf("declaring exchange %s: %w", name, err)
	}
	return nil
}

// declareMember makes a queue that gets all announcements.
func (s *sharing) declareMember(ch *amqp.Channel) (<-chan amqp.Delivery, error) {
	members, name := s.queue.topology.members(), s.queue.topology.member()
	if err := declareMembers(ch, members); err != nil {
		return nil, err
	}
	args := amqp.Table{"x-queue-type": "classic", "x-max-length": maxUnread}
	if _, err := ch.QueueDeclare(name, false, true, true, false, args); err != nil {
		return nil, fmt.Errorf("declaring queue %s: %w", name, err)
	}
	if err := ch.QueueBind(name, "", members, false, nil); err != nil {
		return nil, fmt.Errorf("binding queue %s: %w", name, err)
	}
	heard, err := ch.Consume(name, "", true, true, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consuming queue %s: %w", name, err)
	}
	return heard, nil
}

// hear takes an announcement.
func (s *sharing) hear(body []byte) {
	var said share.Announcement
	if json.Unmarshal(body, &said) != nil {
		return // A later version says more, and in the same way.
	}
	s.mu.Lock()
	answer := s.view.Hear(said, time.Now())
	s.mu.Unlock()
	s.decide.Signal()
	if answer {
		s.news.Signal()
	}
}

// announce says that this member is there until ctx ends, and then goodbye.
func (s *sharing) announce(ctx context.Context) {
	interval := s.queue.config.Sharing.AnnounceInterval
	tick := time.NewTicker(interval)
	defer tick.Stop()
	var on speaker
	defer on.close()
	for {
		select {
		case <-s.news:
			retry.Sleep(ctx, interval/gatherPart)
		case <-tick.C:
		case <-ctx.Done():
			s.tell(&on, share.Announcement{ID: s.id, Bye: true})
			return
		}
		if ctx.Err() == nil {
			s.mu.Lock()
			said := s.view.Say(time.Now())
			s.mu.Unlock()
			s.tell(&on, said)
		}
	}
}

// speaker is the channel that a member announces itself on.
type speaker struct {
	conn    *connection
	channel *amqp.Channel
}

// tell publishes an announcement, unless this member does not hear others either, or the broker takes
// no messages. It does so on the connection that publishes, since the broker stops reading from one
// that does when it is short of memory, and could take no acks there. What is lost is said again.
func (s *sharing) tell(on *speaker, said share.Announcement) {
	conn, _, _ := s.queue.publishing.get()
	if conn == nil || conn.takesMessages() != nil || !s.listening.Load() {
		return
	}
	body, err := json.Marshal(said)
	if err == nil {
		err = on.open(conn)
	}
	if err == nil {
		message := amqp.Publishing{ContentType: "application/json", Body: body}
		err = on.channel.PublishWithContext(conn.life, s.queue.topology.members(), "", false, false, message)
	}
	if err != nil && !errors.Is(err, amqp.ErrClosed) {
		s.queue.config.Logger.Debug("announcing this process failed", "error", err)
	}
}

// open sees to a channel of a connection.
func (on *speaker) open(conn *connection) (err error) {
	if on.conn == conn && !on.channel.IsClosed() {
		return nil
	}
	on.close()
	channel, err := conn.amqp.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	on.conn, on.channel = conn, channel
	return nil
}

func (on *speaker) close() {
	if on.channel != nil {
		// The only error is that it is closed already.
		_ = on.channel.Close()
		on.conn, on.channel = nil, nil
	}
}
