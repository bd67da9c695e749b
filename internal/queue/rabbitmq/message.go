package rabbitmq

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Headers that are not CloudEvents attributes
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md).
const (
	attributePrefix = "cloudEvents:"
	// headerContentType takes a content type that is too long for the AMQP property.
	headerContentType = "botgate-content-type"
	// headerDead holds the [queue.DeadInfo] of a dead letter, as JSON.
	headerDead = "botgate-dead"
	// headerReplays is [queue.Delivery.Replays].
	headerReplays = "botgate-replays"
)

const (
	maxShortString = 255
	// maxReason and maxDead keep the headers far below the size of a frame. With the usual
	// outcomes headerDead takes some 2 KB.
	maxReason = 2048
	maxDead   = 16 << 10
)

// message is what is sent and to where.
type message struct {
	exchange, key string
	amqp.Publishing
	optional bool // It need not come to a queue.
}

func newMessage(t topology, e *event.Event) message {
	headers := make(amqp.Table, 16)
	for name, value := range e.Attributes() {
		headers[attributePrefix+name] = value
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
	return message{exchange: t.exchange(), key: t.routingKey(e), Publishing: p}
}

// forward makes a message for another queue.
func forward(d *amqp.Delivery, name string) message {
	headers := amqp.Table{}
	for name, value := range d.Headers {
		if !strings.HasPrefix(name, "x-") {
			headers[name] = value
		}
	}
	return message{key: name, Publishing: amqp.Publishing{
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
	info.Reason = strings.ToValidUTF8(info.Reason[:min(len(info.Reason), maxReason)], "")
	encoded, err := json.Marshal(info)
	if err != nil || len(encoded) > maxDead {
		info.Outcomes = nil
		encoded, _ = json.Marshal(info) // The rest can be encoded.
	}
	m := forward(d, t.dead())
	m.Headers[headerDead] = string(encoded)
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
	info := &queue.DeadInfo{}
	if err := json.Unmarshal([]byte(headerString(d.Headers, headerDead)), info); err != nil {
		return &queue.DeadInfo{Reason: "moved here by hand", At: d.Timestamp}
	}
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
