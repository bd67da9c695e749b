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
	// historyPrefetch is how many entries are in memory at a time.
	historyPrefetch = 100
	// historySilence is how long the broker may take to send the next entry.
	historySilence = 30 * time.Second
	// headerMark makes a message of the stream the end mark of a reader.
	headerMark = "botgate-history-mark"
	// headerOffset is the broker's header with the offset of a message.
	headerOffset = "x-stream-offset"
)

// ReadHistory implements [queue.History], on a new connection.
func (q *Queue) ReadHistory(ctx context.Context, r queue.HistoryRange, show func(queue.HistoryRecord) error) error {
	if err := q.readHistory(ctx, r, show); err != nil {
		return fmt.Errorf("reading the history: %w", err)
	}
	return nil
}

func (q *Queue) readHistory(ctx context.Context, span queue.HistoryRange, show func(queue.HistoryRecord) error) error {
	if err := q.usable(ctx); err != nil {
		return err
	}
	if q.config.HistoryOff {
		return queue.ErrNoHistory
	}
	offset, err := streamOffset(span)
	if err != nil {
		return err
	}
	conn, err := q.openConnection(ctx, historyConnection)
	if err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("%w: %w", queue.ErrUnavailable, err))
	}
	defer conn.close()
	ch, err := conn.amqp.Channel()
	if err == nil {
		err = ch.Qos(historyPrefetch, 0, false)
	}
	r := &historyReader{q: q, ch: ch, show: show, mark: rand.Text()}
	if err == nil {
		r.arriving, err = ch.Consume(q.topology.history(), "", false, false, false, false, amqp.Table{headerOffset: offset})
	}
	switch {
	case q.config.History.Off() && answered(err, amqp.NotFound):
		return queue.ErrNoHistory
	case err != nil:
		return fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
	}
	// The end of a stream is not known. A mark that is published now, once the broker has
	// found where to begin, stands behind everything that is there.
	if err := q.publish(ctx, []message{q.newMark(r.mark)}); err != nil {
		return err
	}
	return r.run(ctx)
}

// streamOffset is the x-stream-offset of a range.
func streamOffset(r queue.HistoryRange) (any, error) {
	switch {
	case r.After != "":
		after, err := strconv.ParseInt(r.After, 10, 63)
		if err != nil || after < 0 {
			return nil, queue.ErrOffset
		}
		return after + 1, nil
	case r.Since.IsZero():
		return "first", nil
	}
	return r.Since, nil
}

func (q *Queue) newMark(mark string) message {
	return message{destination: toQueue(q.topology.history()), Publishing: amqp.Publishing{
		Headers: amqp.Table{headerMark: mark}, DeliveryMode: amqp.Persistent, MessageId: mark,
	}}
}

// historyReader reads the history once.
type historyReader struct {
	q        *Queue
	ch       *amqp.Channel
	arriving <-chan amqp.Delivery
	mark     string
	show     func(queue.HistoryRecord) error
}

// run shows records until the mark.
func (r *historyReader) run(ctx context.Context) error {
	for n := 1; ; n++ {
		m, err := r.next(ctx)
		if err != nil {
			return err
		}
		switch headerString(m.Headers, headerMark) {
		case r.mark:
			return nil
		case "":
			if err := r.take(m); err != nil {
				return err
			}
		}
		// To a stream an ack only grants credit for more.
		if n%(historyPrefetch/2) == 0 {
			if err := r.ch.Ack(m.DeliveryTag, true); err != nil {
				return fmt.Errorf("%w: %w", queue.ErrUnavailable, err)
			}
		}
	}
}

func (r *historyReader) next(ctx context.Context) (*amqp.Delivery, error) {
	silence := time.NewTimer(historySilence)
	defer silence.Stop()
	select {
	case m, open := <-r.arriving:
		if !open {
			return nil, fmt.Errorf("%w: %w", queue.ErrUnavailable, errBrokerClosed)
		}
		return &m, nil
	case <-silence.C:
		return nil, fmt.Errorf("%w: the broker sent nothing for %s", queue.ErrUnavailable, historySilence)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.q.ctx.Done():
		return nil, queue.ErrClosed
	}
}

func (r *historyReader) take(m *amqp.Delivery) error {
	offset, ok := m.Headers[headerOffset].(int64)
	e, err := parseEvent(m)
	if err != nil || !ok {
		// Somebody else published it.
		r.q.config.Logger.Warn("the history holds a message that is no event", "offset", offset, "error", err)
		return nil
	}
	return r.show(queue.HistoryRecord{Event: e, Offset: strconv.FormatInt(offset, 10)})
}

// Replay implements [queue.History]. Replayed events stand behind everything that waits.
func (q *Queue) Replay(ctx context.Context, group queue.Group, replayID int, records ...queue.HistoryRecord) error {
	var messages []message
	for _, record := range records {
		again, err := q.replay(ctx, group, replayID, record)
		if err != nil {
			return fmt.Errorf("replaying: %w", err)
		}
		messages = append(messages, again...)
	}
	if err := q.publish(ctx, messages); err != nil {
		return fmt.Errorf("replaying: %w", err)
	}
	return nil
}

// replay makes the messages of a record that is replayed.
func (q *Queue) replay(ctx context.Context, group queue.Group, replayID int, record queue.HistoryRecord) ([]message, error) {
	if err := queue.CheckReplay(group, record); err != nil {
		return nil, err
	}
	if group == queue.Dispatch {
		return q.redelivery(ctx, queue.Redelivery{Event: record.Event, Replays: replayID})
	}
	m := newMessage(q.topology, record.Event)
	m.Headers[headerReplays] = int64(replayID)
	m.destination = toQueue(q.topology.record())
	return []message{m}, nil
}
