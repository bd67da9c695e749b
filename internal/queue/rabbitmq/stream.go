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
)

const (
	historyBinding = "#"
	// A stream is cut by whole segments, so they are this part of what it may keep.
	segmentsKept = 8
	// maxSegment is the broker's own default.
	maxSegment = 500_000_000
	// historyConnection names connections that read the history or bring it back.
	historyConnection = "history"
	// mendEvery is the time between two attempts to bring a history back.
	mendEvery = 30 * time.Second
	// probeWait bounds how long a stream may take to confirm.
	probeWait = 5 * time.Second
)

// streamArgs are the arguments of a stream that keeps so much.
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
// The exchange between is for taking the history off: RabbitMQ neither unbinds nor deletes a
// stream that is down, and confirms nothing that is on its way to one.
func (q *Queue) declareHistory(s *session) error {
	name := q.topology.history()
	err := s.withChannel(func(ch *amqp.Channel) error {
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
	return s.withChannel(func(ch *amqp.Channel) error {
		if err := ch.ExchangeDeclare(name, amqp.ExchangeFanout, true, false, false, false, nil); err != nil {
			return fmt.Errorf("declaring exchange %s: %w", name, err)
		}
		if err := ch.QueueBind(name, "", name, false, nil); err != nil {
			return fmt.Errorf("binding queue %s: %w", name, err)
		}
		return nil
	})
}

// bindHistory has the stream get everything, once it takes messages.
func (q *Queue) bindHistory(s *session) error {
	name := q.topology.history()
	if err := s.withChannel(q.probeHistory); err != nil {
		return fmt.Errorf("writing to queue %s: %w", name, err)
	}
	err := s.withChannel(func(ch *amqp.Channel) error {
		return ch.ExchangeBind(name, historyBinding, q.topology.exchange(), false, nil)
	})
	if err != nil {
		return fmt.Errorf("binding exchange %s: %w", name, err)
	}
	return nil
}

// unbindHistory has the stream get nothing.
func (q *Queue) unbindHistory(s *session) error {
	name := q.topology.history()
	err := s.withChannel(func(ch *amqp.Channel) error {
		return ch.ExchangeUnbind(name, historyBinding, q.topology.exchange(), false, nil)
	})
	if err != nil && !answered(err, amqp.NotFound) {
		return fmt.Errorf("unbinding exchange %s: %w", name, err)
	}
	return nil
}

// declareAll declares the topology with its history. A history that does not work is taken
// off, and does not keep events from being accepted; see keepHistory. A guest, which would
// not be there to bring it back, leaves that to the others.
func (q *Queue) declareAll(s *session) error {
	kept := !q.config.History.Off() && (!q.historyDown.Load() || s.mends)
	var failed error
	if kept {
		// It begins to get events last, since it takes a moment to be ready.
		failed = q.declareHistory(s)
	}
	if err := s.withChannel(q.topology.declare); err != nil {
		return err
	}
	if err := s.withChannel(q.declareLanes); err != nil {
		return err
	}
	if kept && failed == nil {
		failed = q.bindHistory(s)
	}
	if kept && failed == nil {
		q.historyDown.Store(false)
		return nil
	}
	if q.config.Guest {
		return nil
	}
	if failed != nil && q.linkCtx.Err() == nil && !q.historyDown.Swap(true) {
		q.config.Logger.Error("the history does not work; events are accepted and will be missing in it", "error", explain(failed))
	}
	return q.unbindHistory(s)
}

// keepHistory brings a history back that was taken off, until the context ends.
func (q *Queue) keepHistory(ctx context.Context) {
	tick := time.NewTicker(mendEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if !q.historyDown.Load() {
			continue
		}
		// Where it fails, there is another time.
		if s, err := q.openSession(ctx, historyConnection, func(*session) error { return nil }); err == nil {
			s.close()
		}
		if !q.historyDown.Load() {
			q.config.Logger.Info("the history works again")
		}
	}
}

// probeHistory waits until the stream takes messages. For a moment after its declaration, or
// after its node has come back, RabbitMQ 3.10 answers one by closing the connection: better
// this one than that of the publishers.
func (q *Queue) probeHistory(ch *amqp.Channel) error {
	if err := ch.Confirm(false); err != nil {
		return err
	}
	m := q.newMark(rand.Text())
	confirm, err := ch.PublishWithDeferredConfirm(m.exchange, m.key, false, false, m.Publishing)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(q.linkCtx, probeWait)
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
