package dispatch

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/requestid"
	"github.com/botgate/botgate/internal/tracing"
)

// headerReplay tells a bot that it may have seen the event before and is to act on it all the
// same: somebody wants it to be delivered again. It holds the number of the replay, see
// [queue.Delivery.Replays].
const headerReplay = "Botgate-Replay"

// maxHeaders is how many headers an attempt has at most: the attributes, the three of the signature, and
// User-Agent, Content-Type, Authorization, X-Request-Id, Traceparent, headerReplay and headerReplyBy.
var maxHeaders = len(attributeHeaders) + 10

// attributeHeaders are the headers of the attributes of an event, in the form in which net/http keeps names.
var attributeHeaders = func() map[string]string {
	headers := map[string]string{}
	for _, name := range event.AttributeNames() {
		headers[name] = http.CanonicalHeaderKey("ce-" + name)
	}
	return headers
}()

// headers are those of one request. All values share one slice.
type headers struct {
	http.Header
	values []string
}

func (h *headers) set(name, value string) {
	h.values = append(h.values, value)
	last := len(h.values)
	h.Header[name] = h.values[last-1 : last : last]
}

// header returns the headers of an attempt: the event's attributes in the binary mode
// of the CloudEvents HTTP binding 1.0.2, and the signatures of Standard Webhooks 1.0.0.
//
// A replay has a webhook-id of its own, so that a receiver that drops the ids which it has seen,
// as libraries of Standard Webhooks do, acts on it; a retry has that of the first attempt.
//
// Headers of the platform that the bot is to see come first: none takes the place of one of these.
//
// Traceparent is the context's span, of which the bot's work is a step. That of the attributes stays the creator's.
func (t *target) header(ctx context.Context, e *event.Event, replays int, now time.Time) http.Header {
	h := headers{make(http.Header, maxHeaders), make([]string, 0, maxHeaders)}
	for name, value := range e.Headers.All() {
		if slices.Contains(t.bot.ForwardHeaders, name) { // The operator may have changed it meanwhile.
			h.Add(name, value)
		}
	}
	for name, value := range e.Attributes() {
		h.set(attributeHeaders[name], percentEncode(value))
	}
	if e.ContentType != "" {
		h.set("Content-Type", e.ContentType)
	}
	if e.RequestID != "" {
		h.set(requestid.Header, percentEncode(e.RequestID))
	}
	if parent := tracing.TraceParent(trace.SpanContextFromContext(ctx)); parent != "" {
		h.set(tracing.Header, parent)
	}
	if t.credentials != "" {
		h.set("Authorization", t.credentials)
	}
	h.set("User-Agent", "Botgate")
	if t.replies(e, replays) {
		h.set(headerReplyBy, e.ReplyBy.UTC().Format(replyByLayout))
	}
	id := e.ID
	if replays > 0 {
		h.set(headerReplay, strconv.Itoa(replays))
		id += ".r" + strconv.Itoa(replays)
	}
	timestamp, signature := platform.SignStandardWebhooks(t.secrets, id, now, e.Data)
	h.set("Webhook-Id", id)
	h.set("Webhook-Timestamp", timestamp)
	h.set("Webhook-Signature", signature)
	return h.Header
}

// percentEncode encodes an attribute as section 3.1.3.2 of the CloudEvents HTTP binding
// asks: space, '"', '%' and whatever is not printable ASCII.
func percentEncode(s string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	encoded := append(make([]byte, 0, len(s)+16), s[:i]...)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			encoded = append(encoded, c)
		} else {
			encoded = append(encoded, '%', hex[c>>4], hex[c&0x0f])
		}
	}
	return string(encoded)
}
