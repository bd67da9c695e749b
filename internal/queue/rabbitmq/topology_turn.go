package rabbitmq

import (
	"context"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// turnWait bounds how long a connection waits for its turn to declare.
	turnWait = 10 * time.Second
	// turnPause is the time between two looks whether it has come.
	turnPause = 30 * time.Millisecond
)

// declareInTurn declares everything while no other connection does. To a bind that another
// connection is making, RabbitMQ 4.0 answers at once, and routes some milliseconds later (seen
// with topic exchanges; 3.10 does not). What is published in between is confirmed and has
// reached the other queues only.
//
// One that gets no turn declares all the same: a broker to which events can go must not be
// refused because of a process that hangs.
func (q *Queue) declareInTurn(ctx context.Context, conn *connection) error {
	ctx, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	taken := func() bool {
		return answered(conn.withChannel(func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(q.topology.turn(), false, false, true, false, nil)
			return err
		}), amqp.ResourceLocked)
	}
	for taken() && retry.Sleep(ctx, turnPause) {
	}
	// The broker lets only the connection that has it delete it, and does so itself when that ends.
	defer func() {
		_ = conn.withChannel(func(ch *amqp.Channel) error {
			_, err := ch.QueueDelete(q.topology.turn(), false, false, false)
			return err
		})
	}()
	return q.declareAll(conn)
}
