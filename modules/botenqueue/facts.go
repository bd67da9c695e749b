package botenqueue

import (
	"net/http"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.opentelemetry.io/otel/propagation"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/modules/internal/problem"
)

// The placeholders that bot_signature and bot_jwt leave for this handler.
const (
	placeholderPlatform   = "http.bot.platform"
	placeholderUser       = "http.bot.user"
	placeholderOrderKey   = "http.bot.order_key"
	placeholderDedupeID   = "http.bot.dedupe_id"
	placeholderVerifiedBy = "http.bot.verified_by"
	placeholderAuthUser   = "http.auth.user.id"
)

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

// facts is what the request says about its event, apart from the body.
type facts struct {
	bot, eventType, user, orderKey string
	verifiedBy, traceParent        string
	// scope and key identify the event for its sender; an empty key means that a
	// repeat can't be told from a new event.
	scope, key string
}

func (h *Handler) facts(r *http.Request) (facts, *problem.Problem) {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	get := func(name string) string {
		value, _ := repl.GetString(name)
		return value
	}
	f := facts{
		bot:         repl.ReplaceAll(h.Bot, ""),
		eventType:   repl.ReplaceAll(h.Type, ""),
		user:        firstOf(repl.ReplaceAll(h.User, ""), get(placeholderUser), get(placeholderAuthUser)),
		orderKey:    firstOf(repl.ReplaceAll(h.OrderKey, ""), get(placeholderOrderKey)),
		verifiedBy:  firstOf(get(placeholderVerifiedBy), "none"),
		traceParent: traceParent(r),
	}
	if name := get(placeholderPlatform); name != "" {
		f.scope, f.key = name, get(placeholderDedupeID)
		return f, nil
	}
	if values := r.Header.Values(headerIdempotencyKey); len(values) > 0 {
		if len(values) > 1 || !validKey.MatchString(values[0]) {
			return f, problem.Malformed.WithDetail("Idempotency-Key must be one value of 1 to 255 visible ASCII characters.")
		}
		// Keys belong to their client: nobody can take, or guess at, another one's.
		f.scope, f.key = "user:"+f.user, values[0]
	}
	return f, nil
}

// event makes the event that these facts and the body describe.
func (f facts) event(body *payload.Payload, now time.Time) (*event.Event, error) {
	e := &event.Event{
		Bot:         f.bot,
		Type:        f.eventType,
		Subject:     f.user,
		Time:        now,
		OrderKey:    f.orderKey,
		VerifiedBy:  f.verifiedBy,
		TraceParent: f.traceParent,
		ContentType: body.ContentType,
		Data:        body.Raw,
	}
	if f.key != "" {
		e.ID = event.DeriveID(f.bot, f.scope, f.key)
	} else {
		id, err := event.NewID()
		if err != nil {
			return nil, err
		}
		e.ID = id
	}
	e.Normalize()
	if e.Type == "" {
		e.Type = defaultType
	}
	return e, e.Validate()
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

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
