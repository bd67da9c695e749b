package handler

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Publisher publishes with confirms over several channels of one connection.
type Publisher struct {
	queue    string
	channels []*amqp.Channel
	turn     atomic.Uint32
}

// NewPublisher connects; the configuration may have a connection of its own kind.
func NewPublisher(s Settings, channels int, config amqp.Config) (*Publisher, error) {
	conn, err := amqp.DialConfig(s.AMQP, config)
	if err != nil {
		return nil, fmt.Errorf("connecting to RabbitMQ: %w", err)
	}
	p := &Publisher{queue: s.Queue}
	for range channels {
		channel, err := conn.Channel()
		if err != nil {
			return nil, fmt.Errorf("opening a channel: %w", err)
		}
		if err := channel.Confirm(false); err != nil {
			return nil, fmt.Errorf("asking for confirms: %w", err)
		}
		p.channels = append(p.channels, channel)
	}
	return p, nil
}

// Publish returns when RabbitMQ has confirmed the message.
func (p *Publisher) Publish(ctx context.Context, user string, body []byte) error {
	channel := p.channels[int(p.turn.Add(1))%len(p.channels)]
	confirm, err := channel.PublishWithDeferredConfirmWithContext(ctx, "", p.queue, false, false, amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: "application/json", Type: "command", AppId: user, Body: body,
	})
	if err != nil {
		return err
	}
	acked, err := confirm.WaitContext(ctx)
	if err == nil && !acked {
		err = errors.New("RabbitMQ refused it")
	}
	return err
}
