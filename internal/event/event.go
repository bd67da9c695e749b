// Package event defines the envelope of an accepted event: the only contract
// between the gateway and the backend. The body is the sender's, byte for byte;
// everything else is metadata in CloudEvents 1.0 attributes.
package event

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxAttribute is the longest attribute value in bytes; Normalize cuts there, but names: see [Name].
const MaxAttribute = 512

// maxDelay is how long after its acceptance an event may have to wait at most; see
// [Event.NotBefore].
const maxDelay = 24 * time.Hour

// Event is one accepted event with its CloudEvents 1.0 attributes
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md).
type Event struct {
	// ID identifies the event everywhere; equal ids are the same event. See [Identity] and [NewID].
	ID string
	// Bot is the name of the bot the event is for; [Event.Source] is made from it.
	Bot string
	// Type says what happened, as "<platform>.<event>" or "command".
	Type string
	// Subject is the user who caused the event; empty when unknown.
	Subject string
	// Time is when the gateway accepted the event, UTC, in microseconds; of an event that is scheduled
	// when it is due.
	Time time.Time
	// ScheduledAt is when a scheduled event was accepted, on the way to the log; see [Event.Schedule]. Its changes have
	// it too. The zero time for all others.
	ScheduledAt time.Time
	// OrderKey groups the events that reach the bot in the order of acceptance.
	OrderKey string
	// VerifiedBy says what vouched for the sender: "jwt", or the platform's name.
	VerifiedBy string
	// TraceParent is the W3C trace context of the span that the event was published in; may be empty.
	TraceParent string
	// RequestID is the id of the accepting request, in the logs of both sides; may be empty.
	RequestID string
	// NotBefore is when the event may be delivered at the earliest, for a user who is over
	// a limit; the zero time for at once. Later events of its order key wait for it.
	NotBefore time.Time
	// ReplyBy is until when who published the event waits for what its bot answers; the zero time where nobody does. Only
	// the way to the bot has it, not the log: see [queue.Consumer.Answer].
	ReplyBy time.Time
	// Ephemeral says that the platform shows one person alone what it was answered at once, and so what takes its place
	// later. It goes where ReplyBy does.
	Ephemeral bool
	// Headers are what its bot is to see of the accepting request's; empty for most.
	Headers Headers
	// ContentType is the media type of Data as the sender gave it.
	ContentType string
	// Data is the request body, byte for byte.
	Data []byte
	// DataRef is where Data is while the event has none, on its way through a queue
	// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/dataref.md).
	// It is empty when an event is accepted or consumed.
	DataRef string
}

// Source is the CloudEvents source, "/bots/<bot>".
func (e *Event) Source() string { return sourcePrefix + e.Bot }

// Key returns the bot and its order key as one text: deliveries are ordered within it.
func (e *Event) Key() string { return e.Bot + "\x00" + e.OrderKey } // A bot's name has no NUL.

// Bucket is in which of n queues, counted from 0, the events of this order key are. It is part of the
// queue topology: another hash would move keys between queues.
func (e *Event) Bucket(n int) int {
	if n <= 1 {
		return 0 // Without the key, which takes memory.
	}
	return Bucket(e.Key(), n)
}

// Bucket spreads names over n buckets, counted from 0.
func Bucket(name string, n int) int {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	return int(hash.Sum64() % uint64(n))
}

// Normalize makes the event fit for every queue and store: attributes become valid
// UTF-8 without control characters and at most [MaxAttribute] bytes, the time is
// UTC in microseconds, and an empty order key becomes the usual one.
func (e *Event) Normalize() {
	for _, field := range []*string{&e.Type, &e.VerifiedBy, &e.TraceParent, &e.RequestID, &e.ContentType} {
		*field = clean(*field)
	}
	e.Subject, e.OrderKey = NameOf(e.Subject), NameOf(e.OrderKey)
	e.OrderKey = cmp.Or(e.OrderKey, e.UsualOrderKey())
	e.Time = e.Time.UTC().Truncate(time.Microsecond)
	for _, at := range []*time.Time{&e.NotBefore, &e.ScheduledAt, &e.ReplyBy} {
		if !at.IsZero() {
			*at = at.UTC().Truncate(time.Microsecond)
		}
	}
}

// UsualOrderKey is the order key of an event that was given none: the subject, or the id for an event
// that nobody is known to have caused (it then waits for no other).
func (e *Event) UsualOrderKey() string { return cmp.Or(e.Subject, e.ID) }

// Validate reports what an event needs to be published and lacks.
func (e *Event) Validate() error {
	switch {
	case e.ID == "" || len(e.ID) > 64:
		return fmt.Errorf("event: id must have 1 to 64 bytes, has %d", len(e.ID))
	case !e.validBot():
		return errors.New("event: bot must be 1 to 64 letters, digits, '-' or '_'")
	case e.Type == "":
		return errors.New("event: type is missing")
	case e.Time.IsZero():
		return errors.New("event: time is missing")
	case e.NotBefore.After(e.Time.Add(maxDelay)):
		return fmt.Errorf("event: not before must be within %s", maxDelay)
	}
	return e.validSchedule()
}

// nameLetters are those of a bot's name.
const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// ValidBot reports whether name can be a bot's name: 1 to 64 ASCII letters, digits,
// '-' or '_'. Names are part of routing keys and URLs, so nothing else may occur.
func ValidBot(name string) bool {
	return name != "" && len(name) <= 64 && strings.TrimLeft(name, nameLetters) == ""
}

// ValidText reports whether an attribute may be compared with s: databases answer what can't be
// text with errors of their own.
func ValidText(s string) bool {
	return len(s) <= MaxAttribute && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	return cut(s, MaxAttribute)
}
