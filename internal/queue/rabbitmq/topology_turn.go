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
	// turnPause is the time between two tries to get it.
	turnPause = 30 * time.Millisecond
)

// declareInTurn declares everything, with the queues of bots, while no other connection does. When two connections make the
// same binding at once, RabbitMQ 4.0 answers the second one some milliseconds before it routes
// (seen with topic exchanges; 3.10 does not). What that one publishes in between is confirmed and
// reaches the other queues only.
//
// A connection that gets no turn declares all the same: a process that hangs must not keep others
// from a broker that takes events.
func (q *Queue) declareInTurn(ctx context.Context, conn *connection, bots ...string) error {
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
	if err := q.declareAll(conn); err != nil {
		return err
	}
	return q.declareBots(conn, bots...)
}
