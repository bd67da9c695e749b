package botenqueue

import (
	"cmp"
	"log/slog"
	"net/http"
	"regexp"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"go.opentelemetry.io/otel/propagation"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/payload"
)

const placeholderAuthUser = "http.auth.user.id"

// defaultType is the type of events whose sender does not say.
const defaultType = "event"

// headerIdempotencyKey is the request header of draft-ietf-httpapi-idempotency-key-header.
const headerIdempotencyKey = "Idempotency-Key"

var (
	// validKey is what an Idempotency-Key may be.
	validKey = regexp.MustCompile(`^[\x21-\x7e]{1,255}$`)
	// validTraceParent is the W3C traceparent header, version 00.
	validTraceParent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
)

// intake is what a request brings.
type intake struct {
	// events has at least one.
	events []*event.Event
	// keys are what the sender calls the events; the zero key where a repeat can't be told
	// from a new event.
	keys []idempotency.Key
	// platform says that a platform delivered them, and not an API client.
	platform bool
}

// known returns the keys that the sender gave, each once.
func (in intake) known() []idempotency.Key {
	known := make([]idempotency.Key, 0, len(in.keys))
	for _, key := range in.keys {
		if key != (idempotency.Key{}) && !slices.Contains(known, key) {
			known = append(known, key)
		}
	}
	return known
}

// events makes the events of the request: what a platform delivered, or the body as one.
func (h *Handler) events(r *http.Request, body *payload.Payload) (intake, *problem.Problem) {
	content, err := body.Content()
	if err != nil {
		return intake{}, payload.Problem(err)
	}
	delivered := []platform.Event{{}}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	batch := delivery.Of(r)
	if batch != nil && len(batch.Events) > 0 {
		delivered = batch.Events
	}
	in := intake{
		events:   make([]*event.Event, len(delivered)),
		keys:     make([]idempotency.Key, len(delivered)),
		platform: placeholder(repl, delivery.PlaceholderPlatform) != "",
	}
	for i, item := range delivered {
		if batch != nil {
			delivery.SetEvent(repl, item)
		}
		e := h.draft(r, repl)
		e.NotBefore = delivery.NotBefore(r, i)
		e.ContentType, e.Data = body.ContentType, content
		if item.Body != nil {
			e.ContentType, e.Data = "application/json", item.Body
		}
		var refusal *problem.Problem
		if in.keys[i], refusal = h.complete(e, r, repl); refusal != nil {
			return intake{}, refusal
		}
		in.events[i] = e
	}
	return in, nil
}

// draft is the event that the request describes, without an id and a body.
func (h *Handler) draft(r *http.Request, repl *caddy.Replacer) *event.Event {
	get := func(name string) string { return placeholder(repl, name) }
	return &event.Event{
		Bot:         repl.ReplaceAll(h.Bot, ""),
		Type:        repl.ReplaceAll(h.Type, ""),
		Subject:     cmp.Or(repl.ReplaceAll(h.User, ""), get(delivery.PlaceholderUser), get(placeholderAuthUser)),
		Time:        h.now(),
		OrderKey:    cmp.Or(repl.ReplaceAll(h.OrderKey, ""), get(delivery.PlaceholderOrderKey)),
		VerifiedBy:  cmp.Or(get(delivery.PlaceholderVerifiedBy), "none"),
		TraceParent: traceParent(r),
	}
}

// complete gives a draft its id, and returns the key that its sender knows it by; the zero key
// where it gave none.
func (h *Handler) complete(e *event.Event, r *http.Request, repl *caddy.Replacer) (key idempotency.Key, refusal *problem.Problem) {
	scope, name, refusal := senderKey(r, repl, e.Subject)
	if refusal != nil {
		return key, refusal
	}
	var err error
	if name != "" {
		key = idempotency.KeyOf(e.Bot, scope, name)
		e.ID = event.DeriveID(e.Bot, scope, name, e.Subject)
	} else {
		e.ID, err = event.NewID(e.Subject)
	}
	e.Normalize()
	e.Type = cmp.Or(e.Type, defaultType)
	if err = cmp.Or(err, e.Validate()); err != nil {
		h.logger.DebugContext(r.Context(), "request makes no event", slog.Any("error", err))
		return key, problem.Malformed.WithDetail("The request makes no valid event.")
	}
	return key, nil
}

// senderKey is what the sender calls the event, and the scope within which that is unique: the
// platform, or the client that gave an Idempotency-Key, so that nobody can take, or guess at,
// another one's. It is empty where a repeat can't be told from a new event.
func senderKey(r *http.Request, repl *caddy.Replacer, user string) (scope, key string, refusal *problem.Problem) {
	if name := placeholder(repl, delivery.PlaceholderPlatform); name != "" {
		return name, placeholder(repl, delivery.PlaceholderDedupeID), nil
	}
	switch values := r.Header.Values(headerIdempotencyKey); {
	case len(values) == 0:
		return "", "", nil
	case len(values) > 1 || !validKey.MatchString(values[0]):
		return "", "", problem.Malformed.WithDetail("Idempotency-Key must be one value of 1 to 255 visible ASCII characters.")
	default:
		return "user:" + user, values[0], nil
	}
}

// placeholder is the value of a placeholder, empty where it has none.
func placeholder(repl *caddy.Replacer, name string) string {
	value, _ := repl.GetString(name)
	return value
}

// traceParent prefers the span that Caddy's tracing handler opened over the one that
// the caller named.
func traceParent(r *http.Request) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(r.Context(), carrier)
	if own := carrier.Get("traceparent"); own != "" {
		return own
	}
	if given := r.Header.Get("Traceparent"); validTraceParent.MatchString(given) {
		return given
	}
	return ""
}
