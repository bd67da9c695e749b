package rabbitmq

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Headers that are not CloudEvents attributes
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md).
const (
	attributePrefix = "cloudEvents:"
	// headerContentType takes a content type that is too long for the AMQP property.
	headerContentType  = "botgate-content-type"
	headerDead         = "botgate-dead-" // Begins all that follow.
	headerDeadGroup    = "botgate-dead-group"
	headerDeadReason   = "botgate-dead-reason"
	headerDeadAttempts = "botgate-dead-attempts"
	headerDeadAt       = "botgate-dead-at"
	// headerDeadHistory holds outcomes as JSON.
	headerDeadOutcomes = "botgate-dead-outcomes"
	// headerReplays is [queue.Delivery.Replays].
	headerReplays = "botgate-replays"
)

const (
	maxShortString = 255
	// maxReason keeps the headers far below the size of a frame.
	maxReason = 2048
	// maxOutcomes does the same for the outcomes, which take some 2 KB.
	maxOutcomes = 16 << 10
)

// message is what is sent and to where.
type message struct {
	exchange, key string
	amqp.Publishing
}

func newMessage(t topology, e *event.Event) message {
	attributes := e.Attributes()
	headers := make(amqp.Table, len(attributes)+1)
	for _, a := range attributes {
		headers[attributePrefix+a.Name] = a.Value
	}
	p := amqp.Publishing{
		Headers:      headers,
		ContentType:  e.ContentType,
		DeliveryMode: amqp.Persistent,
		MessageId:    e.ID,
		Timestamp:    e.Time,
		Body:         e.Data,
	}
	if len(p.ContentType) > maxShortString {
		headers[headerContentType], p.ContentType = p.ContentType, ""
	}
	return message{t.exchange(), routingKey(e), p}
}

// forward makes a message for another queue.
func forward(d *amqp.Delivery, name string) message {
	headers := amqp.Table{}
	for name, value := range d.Headers {
		if !strings.HasPrefix(name, "x-") {
			headers[name] = value
		}
	}
	return message{"", name, amqp.Publishing{
		Headers:      headers,
		ContentType:  d.ContentType,
		DeliveryMode: amqp.Persistent,
		MessageId:    d.MessageId,
		Timestamp:    d.Timestamp,
		Body:         d.Body,
	}}
}

// newDeadLetter makes the message for the dead letters.
func newDeadLetter(t topology, d *amqp.Delivery, info queue.DeadInfo) message {
	m := forward(d, t.dead())
	headers := m.Headers
	reason := strings.ToValidUTF8(info.Reason[:min(len(info.Reason), maxReason)], "")
	headers[headerDeadGroup] = string(info.Group)
	headers[headerDeadReason] = reason
	headers[headerDeadAttempts] = int64(info.Attempts)
	headers[headerDeadAt] = info.At.UTC().Format(time.RFC3339Nano)
	delete(headers, headerDeadOutcomes)
	if outcomes, err := json.Marshal(info.Outcomes); err == nil && len(info.Outcomes) > 0 && len(outcomes) <= maxOutcomes {
		headers[headerDeadOutcomes] = string(outcomes)
	}
	return m
}

// parseEvent reads the event out of a message.
func parseEvent(d *amqp.Delivery) (*event.Event, error) {
	e, err := event.FromAttributes(attributesOf(d), contentTypeOf(d), d.Body)
	if err == nil && e.ID != d.MessageId {
		err = errors.New("event: message_id is not the event's id")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a message: %w", err)
	}
	return e, nil
}

// salvage makes an event of a message that is none, to be shown.
func salvage(d *amqp.Delivery) *event.Event {
	get := attributesOf(d)
	return &event.Event{
		ID:          d.MessageId,
		Bot:         get("bot"),
		Type:        get("type"),
		Subject:     get("subject"),
		Time:        d.Timestamp,
		ContentType: contentTypeOf(d),
		Data:        d.Body,
	}
}

func attributesOf(d *amqp.Delivery) func(string) string {
	return func(name string) string { return headerString(d.Headers, attributePrefix+name) }
}

func contentTypeOf(d *amqp.Delivery) string {
	if long := headerString(d.Headers, headerContentType); long != "" {
		return long
	}
	return d.ContentType
}

// deadInfo reads why a message is a dead letter.
func deadInfo(d *amqp.Delivery) *queue.DeadInfo {
	group := headerString(d.Headers, headerDeadGroup)
	if group == "" {
		return &queue.DeadInfo{Reason: "moved here by hand", At: d.Timestamp}
	}
	// A malformed time is the zero time; the rest is worth showing all the same.
	at, _ := time.Parse(time.RFC3339Nano, headerString(d.Headers, headerDeadAt))
	info := &queue.DeadInfo{
		Group:    queue.Group(group),
		Reason:   headerString(d.Headers, headerDeadReason),
		Attempts: headerInt(d.Headers, headerDeadAttempts),
		At:       at,
		Replays:  headerInt(d.Headers, headerReplays),
	}
	// As with the time.
	_ = json.Unmarshal([]byte(headerString(d.Headers, headerDeadOutcomes)), &info.Outcomes)
	return info
}

func headerString(h amqp.Table, name string) string {
	s, _ := h[name].(string)
	return s
}

// headerInt reads a number of any width that fits; anything else is 0.
func headerInt(h amqp.Table, name string) int {
	switch v := h[name].(type) {
	case int64:
		return int(max(0, min(v, math.MaxInt32)))
	case int32:
		return int(max(0, v))
	case int16:
		return int(max(0, v))
	case string:
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil {
			return 0
		}
		return int(max(0, n))
	}
	return 0
}
