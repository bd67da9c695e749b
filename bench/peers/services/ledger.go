package services

import (
	"context"
	"fmt"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Ledger is where a peer's accepted commands are, to be counted.
type Ledger interface {
	// Prepare makes it empty and ready for the peer.
	Prepare(ctx context.Context) error
	// Count is how many commands are there; where a peer puts each of them into several queues, the
	// number of each queue.
	Count(ctx context.Context) ([]int, error)
	// Clear removes it.
	Clear(ctx context.Context) error
}

// Queues are a peer's queues of RabbitMQ.
type Queues struct {
	Services *Services
	// Names are those that get each command.
	Names []string
	// Shared is one that gets each command, and what the peer says of itself; empty for none.
	Shared string
	// Declare has the arguments of what the bench is to declare; nil where the peer does it.
	Declare amqp.Table
}

// Classic and Quorum are durable queues.
var (
	Classic = amqp.Table{"x-queue-type": "classic"}
	Quorum  = amqp.Table{"x-queue-type": "quorum"}
)

// Prepare implements [Ledger].
func (q Queues) Prepare(ctx context.Context) error {
	if err := q.Clear(ctx); err != nil || q.Declare == nil {
		return err
	}
	return q.each(func(channel *amqp.Channel, name string) error {
		_, err := channel.QueueDeclare(name, true, false, false, false, q.Declare)
		return err
	})
}

// Count implements [Ledger]. What lacks in Shared is seen, what is there twice is seen in the others: they get the
// same publishes.
func (q Queues) Count(context.Context) (counts []int, err error) {
	err = q.each(func(channel *amqp.Channel, name string) error {
		queue, err := channel.QueueDeclarePassive(name, true, false, false, false, nil)
		if name == q.Shared {
			queue.Messages = min(queue.Messages, counts[0])
		}
		counts = append(counts, queue.Messages)
		return err
	})
	return counts, err
}

// Clear implements [Ledger].
func (q Queues) Clear(context.Context) error {
	return q.each(func(channel *amqp.Channel, name string) error {
		_, err := channel.QueueDelete(name, false, false, false)
		return err
	})
}

func (q Queues) each(do func(*amqp.Channel, string) error) error {
	channel, err := q.Services.RabbitMQ.Channel()
	if err != nil {
		return fmt.Errorf("opening a channel: %w", err)
	}
	defer func() { _ = channel.Close() }()
	names := q.Names
	if q.Shared != "" {
		names = append(slices.Clip(names), q.Shared)
	}
	for _, name := range names {
		if err := do(channel, name); err != nil {
			return fmt.Errorf("queue %s: %w", name, err)
		}
	}
	return nil
}

// Jobs are those of a queue of BullMQ.
type Jobs struct {
	Services *Services
	Queue    string
}

// Prepare implements [Ledger].
func (j Jobs) Prepare(ctx context.Context) error { return j.Clear(ctx) }

// Count implements [Ledger].
func (j Jobs) Count(ctx context.Context) ([]int, error) {
	n, err := j.Services.Redis.LLen(ctx, j.key("wait")).Result()
	return []int{int(n)}, err
}

// Clear implements [Ledger].
func (j Jobs) Clear(ctx context.Context) error {
	const atOnce = 1000
	for cursor := uint64(0); ; {
		keys, next, err := j.Services.Redis.Scan(ctx, cursor, j.key("*"), atOnce).Result()
		if err != nil {
			return fmt.Errorf("looking for jobs: %w", err)
		}
		if len(keys) > 0 {
			if err := j.Services.Redis.Unlink(ctx, keys...).Err(); err != nil {
				return fmt.Errorf("removing jobs: %w", err)
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (j Jobs) key(name string) string { return "bull:" + j.Queue + ":" + name }
