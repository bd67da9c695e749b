package rabbitmq

import (
	"cmp"
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

// What the broker stores, parses and sends on with each event is to be short. So each attribute is sent
// once: in the AMQP property that means it, or else in a header with the attribute's own name; and not
// at all where it has its usual value. docs/guides/rabbitmq.md has it as a table for other readers.
const (
	// headerMicroseconds is the part of the event's time below the second. Every event has it, so it
	// tells events from what others publish.
	headerMicroseconds = "microseconds"
	headerOrderKey     = "orderkey"
	headerVerifiedBy   = "verifiedby"
	headerTraceParent  = "traceparent"
	headerRequestID    = "requestid"
	headerNotBefore    = "notbefore"
	headerScheduledAt  = "scheduledat"
	headerDataRef      = "dataref"
	headerHeaders      = "headers"
	headerReplyBy      = "replyby"
	headerEphemeral    = "ephemeral"
	// Those that are properties unless they are too long.
	headerType        = "type"
	headerSubject     = "subject"
	headerContentType = "datacontenttype"
)

// Headers that say nothing of the event itself.
const (
	// headerDead holds the [queue.DeadInfo] of a dead letter, as JSON.
	headerDead = "botgate-dead"
	// headerReplays is [queue.Delivery.Replays].
	headerReplays = "botgate-replays"
)

const (
	// maxShortString is the longest property, in bytes.
	maxShortString = 255
	// maxReason and maxDead keep the headers far below the size of a frame. With the usual
	// outcomes headerDead takes some 2 KB.
	maxReason = 2048
	maxDead   = 16 << 10
)

// message is what is sent and to where.
type message struct {
	destination
	amqp.Publishing
	optional bool // It need not come to a queue.
}

func newMessage(t topology, e *event.Event) message {
	h := amqp.Table{headerMicroseconds: int32(e.Time.Nanosecond() / int(time.Microsecond))}
	setUnless(h, headerOrderKey, e.OrderKey, e.UsualOrderKey())
	setUnless(h, headerVerifiedBy, e.VerifiedBy, usualVerifier(e.Type))
	setUnless(h, headerTraceParent, e.TraceParent, "")
	setUnless(h, headerRequestID, e.RequestID, "")
	setUnless(h, headerDataRef, e.DataRef, "")
	setUnless(h, headerHeaders, string(e.Headers), "")
	setTime(h, headerNotBefore, e.NotBefore)
	setTime(h, headerScheduledAt, e.ScheduledAt)
	setTime(h, headerReplyBy, e.ReplyBy)
	if e.Ephemeral {
		h[headerEphemeral] = true
	}
	return message{destination: t.address(e), Publishing: amqp.Publishing{
		ReplyTo:       replyTo(e),
		Headers:       h,
		ContentType:   property(h, headerContentType, e.ContentType),
		DeliveryMode:  amqp.Persistent,
		CorrelationId: property(h, headerSubject, e.Subject),
		MessageId:     e.ID,
		Timestamp:     e.Time,
		Type:          property(h, headerType, e.Type),
		AppId:         e.Bot,
		Body:          e.Data,
	}}
}

// usualVerifier is what vouches for most events of a type: the platform that the type begins with, or
// the token of who sends a command.
func usualVerifier(kind string) string {
	platform, _, of := strings.Cut(kind, ".")
	if !of {
		return "jwt"
	}
	return platform
}

func setUnless(h amqp.Table, name, value, usual string) {
	if value != usual {
		h[name] = value
	}
}

func setTime(h amqp.Table, name string, at time.Time) {
	if !at.IsZero() {
		h[name] = at.UTC().Format(time.RFC3339Nano)
	}
}

// property returns a value that is short enough for one, and makes any other a header.
func property(h amqp.Table, name, value string) string {
	if len(value) <= maxShortString {
		return value
	}
	h[name] = value
	return ""
}

// forward makes a message for another queue.
func forward(d *amqp.Delivery, name string) message {
	headers := amqp.Table{}
	for name, value := range d.Headers {
		if !strings.HasPrefix(name, "x-") {
			headers[name] = value
		}
	}
	return message{destination: toQueue(name), Publishing: amqp.Publishing{
		Headers:       headers,
		ContentType:   d.ContentType,
		DeliveryMode:  amqp.Persistent,
		CorrelationId: d.CorrelationId,
		MessageId:     d.MessageId,
		Timestamp:     d.Timestamp,
		Type:          d.Type,
		AppId:         d.AppId,
		Body:          d.Body,
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
	e, err := readEvent(d)
	if err == nil {
		err = e.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("reading a message: %w", err)
	}
	return e, nil
}

// salvage makes an event of a message that is none, to be shown.
func salvage(d *amqp.Delivery) *event.Event {
	e, _ := readEvent(d)
	return e
}

// readEvent reads what a message has of an event; an error says that it is none.
func readEvent(d *amqp.Delivery) (e *event.Event, err error) {
	e = &event.Event{
		ID:          d.MessageId,
		Bot:         d.AppId,
		Type:        cmp.Or(d.Type, headerString(d.Headers, headerType)),
		Subject:     cmp.Or(d.CorrelationId, headerString(d.Headers, headerSubject)),
		TraceParent: headerString(d.Headers, headerTraceParent),
		RequestID:   headerString(d.Headers, headerRequestID),
		ContentType: cmp.Or(d.ContentType, headerString(d.Headers, headerContentType)),
		Data:        d.Body,
		DataRef:     headerString(d.Headers, headerDataRef),
		Headers:     event.Headers(headerString(d.Headers, headerHeaders)),
	}
	e.OrderKey = headerOr(d.Headers, headerOrderKey, e.UsualOrderKey())
	e.VerifiedBy = headerOr(d.Headers, headerVerifiedBy, usualVerifier(e.Type))
	if !d.Timestamp.IsZero() {
		e.Time = d.Timestamp.UTC().Add(time.Duration(headerInt(d.Headers, headerMicroseconds)) * time.Microsecond)
	}
	for _, at := range [...]struct {
		name  string
		field *time.Time
	}{{headerNotBefore, &e.NotBefore}, {headerScheduledAt, &e.ScheduledAt}, {headerReplyBy, &e.ReplyBy}} {
		var wrong error
		if *at.field, wrong = headerTime(d.Headers, at.name); wrong != nil {
			err = wrong
		}
	}
	e.Ephemeral, _ = d.Headers[headerEphemeral].(bool)
	if _, ok := d.Headers[headerMicroseconds]; !ok {
		err = errors.New("it has no header " + headerMicroseconds)
	}
	return e, err
}

// deadInfo reads why a message is a dead letter.
func deadInfo(d *amqp.Delivery) *queue.DeadInfo {
	info := &queue.DeadInfo{}
	if err := json.Unmarshal([]byte(headerString(d.Headers, headerDead)), info); err != nil {
		return &queue.DeadInfo{Reason: "moved here by hand", At: d.Timestamp}
	}
	return info
}

// headerTime is a time in a header; zero where there is none.
func headerTime(h amqp.Table, name string) (time.Time, error) {
	at := headerString(h, name)
	if at == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, at)
}

func headerString(h amqp.Table, name string) string { return headerOr(h, name, "") }

// headerOr is a header, which may be empty, or what is usual where there is none.
func headerOr(h amqp.Table, name, usual string) string {
	if s, ok := h[name].(string); ok {
		return s
	}
	return usual
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
