package botenqueue

import (
	"log/slog"
	"net/http"
	"regexp"
	"time"

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

// facts is what the request says about its event.
type facts struct {
	bot, eventType, user, orderKey string
	verifiedBy, traceParent        string
	notBefore                      time.Time
	contentType                    string
	data                           []byte
	// scope and key identify the event for its sender; an empty key means that a
	// repeat can't be told from a new event.
	scope, key string
	// platform says that a platform signed the request.
	platform bool
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
	in := intake{events: make([]*event.Event, len(delivered)), keys: make([]idempotency.Key, len(delivered))}
	for i, item := range delivered {
		if batch != nil {
			delivery.SetEvent(repl, item)
		}
		facts, refusal := h.facts(r, repl)
		if refusal != nil {
			return intake{}, refusal
		}
		facts.contentType, facts.data = body.ContentType, content
		if item.Body != nil {
			facts.contentType, facts.data = "application/json", item.Body
		}
		facts.notBefore = delivery.NotBefore(r, i)
		e, err := facts.event(h.now())
		if err != nil {
			h.logger.DebugContext(r.Context(), "request makes no event", slog.Any("error", err))
			return intake{}, problem.Malformed.WithDetail("The request makes no valid event.")
		}
		in.events[i], in.keys[i], in.platform = e, facts.identity(), facts.platform
	}
	return in, nil
}

func (h *Handler) facts(r *http.Request, repl *caddy.Replacer) (facts, *problem.Problem) {
	get := func(name string) string {
		value, _ := repl.GetString(name)
		return value
	}
	f := facts{
		bot:         repl.ReplaceAll(h.Bot, ""),
		eventType:   repl.ReplaceAll(h.Type, ""),
		user:        firstOf(repl.ReplaceAll(h.User, ""), get(delivery.PlaceholderUser), get(placeholderAuthUser)),
		orderKey:    firstOf(repl.ReplaceAll(h.OrderKey, ""), get(delivery.PlaceholderOrderKey)),
		verifiedBy:  firstOf(get(delivery.PlaceholderVerifiedBy), "none"),
		traceParent: traceParent(r),
	}
	if name := get(delivery.PlaceholderPlatform); name != "" {
		f.scope, f.key, f.platform = name, get(delivery.PlaceholderDedupeID), true
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

// identity is what the sender calls the event; zero where it gave no key.
func (f facts) identity() idempotency.Key {
	if f.key == "" {
		return idempotency.Key{}
	}
	return idempotency.KeyOf(f.bot, f.scope, f.key)
}

// event makes the event that these facts describe.
func (f facts) event(now time.Time) (*event.Event, error) {
	e := &event.Event{
		Bot:         f.bot,
		Type:        f.eventType,
		Subject:     f.user,
		Time:        now,
		OrderKey:    f.orderKey,
		VerifiedBy:  f.verifiedBy,
		TraceParent: f.traceParent,
		NotBefore:   f.notBefore,
		ContentType: f.contentType,
		Data:        f.data,
	}
	if f.key != "" {
		e.ID = event.DeriveID(f.bot, f.scope, f.key, f.user)
	} else {
		id, err := event.NewID(f.user)
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
