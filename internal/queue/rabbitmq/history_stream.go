package rabbitmq

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

const (
	// A stream is cut by whole segments, so they are this part of what it may keep.
	segmentsKept = 8
	// maxSegment is the broker's own default.
	maxSegment = 500_000_000
	// historyConnection names connections that read the history or bind it again.
	historyConnection = "history"
	// restoreEvery is the time between two attempts to bind a history again.
	restoreEvery = 30 * time.Second
	// probeWait bounds how long a stream may take to confirm.
	probeWait = 5 * time.Second
)

// streamArgs are the arguments of a stream with this retention.
func streamArgs(keep queue.Retention) amqp.Table {
	return amqp.Table{
		"x-queue-type":                    "stream",
		"x-max-age":                       strconv.FormatInt(int64(keep.MaxAge/time.Second), 10) + "s",
		"x-max-length-bytes":              keep.MaxBytes,
		"x-stream-max-segment-size-bytes": min(keep.MaxBytes/segmentsKept, maxSegment),
	}
}

// declareHistory makes sure that the stream exists, and the exchange that leads to it. A
// stream with other limits is used as it is: that is no reason to refuse events.
//
// The exchange in between is for unbinding the history: RabbitMQ neither unbinds nor deletes a
// stream that is down, and confirms nothing that is routed to one.
func (q *Queue) declareHistory(conn *connection) error {
	name := q.topology.history()
	err := conn.withChannel(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, streamArgs(q.config.History))
		return err
	})
	if answered(err, amqp.PreconditionFailed) {
		q.config.Logger.Warn("the history exists with other limits and keeps them: delete the queue to have those of the settings",
			"queue", name, "error", err)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("declaring queue %s: %w", name, err)
	}
	return conn.withChannel(func(ch *amqp.Channel) error {
		if err := ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil); err != nil {
			return fmt.Errorf("declaring exchange %s: %w", name, err)
		}
		if err := ch.QueueBind(name, "", name, false, nil); err != nil {
			return fmt.Errorf("binding queue %s: %w", name, err)
		}
		return nil
	})
}

// bindHistory routes everything to the stream, once it takes messages.
func (q *Queue) bindHistory(conn *connection) error {
	name := q.topology.history()
	if err := conn.withChannel(q.probeHistory); err != nil {
		return fmt.Errorf("writing to queue %s: %w", name, err)
	}
	err := conn.withChannel(func(ch *amqp.Channel) error {
		return q.topology.feedHistory(func(from string) error { return ch.ExchangeBind(name, "", from, false, nil) })
	})
	if err != nil {
		return fmt.Errorf("binding exchange %s: %w", name, err)
	}
	return nil
}

// unbindHistory routes nothing to the stream.
func (q *Queue) unbindHistory(conn *connection) error {
	name := q.topology.history()
	err := conn.withChannel(func(ch *amqp.Channel) error {
		return q.topology.feedHistory(func(from string) error { return ch.ExchangeUnbind(name, "", from, false, nil) })
	})
	switch {
	case answered(err, amqp.NotFound):
		return nil
	case err != nil:
		return fmt.Errorf("unbinding exchange %s: %w", name, err)
	case q.config.HistoryOff && !q.historyDown.Swap(true):
		q.config.Logger.Warn("the history is off, for all processes; queue and exchange stay until they are deleted", "name", name)
	}
	return nil
}

// feedHistory calls f with the exchanges that lead to the history, until one fails.
func (t topology) feedHistory(f func(from string) error) error {
	for _, from := range []string{t.events, t.changes} {
		if err := f(from); err != nil {
			return err
		}
	}
	return nil
}

// declareAll declares the topology with its history. A history that does not work is unbound, so
// that events are accepted without it; see restoreHistory. A handle that was not told of a history
// leaves it as it is.
func (q *Queue) declareAll(conn *connection) error {
	kept := !q.config.History.Off() && (!q.historyDown.Load() || conn.restoresHistory)
	var failed error
	if kept {
		// It is bound last, since it takes a moment to be ready.
		failed = q.declareHistory(conn)
	}
	err := conn.withChannel(func(ch *amqp.Channel) error {
		err := q.topology.declare(ch)
		if err == nil {
			_, err = q.declareParkingLots(ch)
		}
		return err
	})
	if err != nil {
		return err
	}
	if kept && failed == nil {
		failed = q.bindHistory(conn)
	}
	if kept && failed == nil {
		q.historyDown.Store(false)
		return nil
	}
	if q.config.History.Off() && !q.config.HistoryOff {
		return nil
	}
	if failed != nil && q.connCtx.Err() == nil && !q.historyDown.Swap(true) {
		q.config.Logger.Error("the history does not work; events are accepted and will be missing in it", "error", explain(failed))
	}
	return q.unbindHistory(conn)
}

// restoreHistory binds a history again that was unbound, until the context ends.
func (q *Queue) restoreHistory(ctx context.Context) {
	for retry.Sleep(ctx, restoreEvery) {
		if !q.historyDown.Load() {
			continue
		}
		// If it fails, it is tried again.
		if conn, err := q.openConnection(ctx, historyConnection); err == nil {
			conn.close()
		}
		if !q.historyDown.Load() {
			q.config.Logger.Info("the history works again")
		}
	}
}

// probeHistory waits until the stream takes messages. For a moment after its declaration, or
// after its node has restarted, RabbitMQ 3.10 answers a publish by closing the connection:
// better this one than that of the publishers.
func (q *Queue) probeHistory(ch *amqp.Channel) error {
	if err := ch.Confirm(false); err != nil {
		return err
	}
	m := q.newMark(rand.Text())
	confirm, err := ch.PublishWithDeferredConfirm(m.exchange, m.key, false, false, m.Publishing)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(q.connCtx, probeWait)
	defer cancel()
	acked, err := confirm.WaitContext(ctx)
	if err == nil && !acked {
		err = errNotAcked
	}
	return err
}

// answered reports whether the broker refused with this code.
func answered(err error, code int) bool {
	var answer *amqp.Error
	return errors.As(err, &answer) && answer.Code == code
}

// HistoryReady implements [queue.History].
func (q *Queue) HistoryReady() error {
	switch {
	case q.config.History.Off():
		return queue.ErrNoHistory
	case q.historyDown.Load():
		return fmt.Errorf("%w: the stream of the history", queue.ErrUnavailable)
	}
	return nil
}
