package botenqueue

import (
	"cmp"
	"log/slog"
	"net/http"
	"regexp"

	"github.com/caddyserver/caddy/v2"
	"go.opentelemetry.io/otel/propagation"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/payload"
)

// defaultType is the type of events whose sender does not say.
const defaultType = "event"

// validTraceParent is the W3C traceparent header, version 00.
var validTraceParent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// intake is what a request brings.
type intake struct {
	// events has at least one.
	events []*event.Event
	// names are what they are known by.
	names []names
	// sender is the platform that delivered them; empty for an API client.
	sender string
}

// events makes the events of the request: what a platform delivered, or the body as one.
func (h *Handler) events(r *http.Request, body *payload.Payload) (intake, *problem.Problem) {
	content, err := body.Content()
	if err != nil {
		return intake{}, payload.Problem(err)
	}
	items := []platform.Event{{}}
	batch := delivery.Of(r)
	var in intake
	if batch != nil {
		items, in.sender = batch.Events, batch.Platform
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	for i, item := range items {
		if batch != nil {
			delivery.SetEvent(repl, item)
		}
		e := h.draft(r, repl)
		e.NotBefore = delivery.NotBefore(r, i)
		e.ContentType, e.Data = body.ContentType, content
		if item.Body != nil {
			e.ContentType, e.Data = "application/json", item.Body
		}
		known, refusal := identify(e, r, batch, i)
		if refusal == nil {
			refusal = h.complete(e, r, known.identity)
		}
		if refusal != nil {
			return intake{}, refusal
		}
		in.events, in.names = append(in.events, e), append(in.names, known)
	}
	return in, nil
}

// draft is the event that the request describes, without an id and a body.
func (h *Handler) draft(r *http.Request, repl *caddy.Replacer) *event.Event {
	get := func(name string) string { return placeholder(repl, name) }
	return &event.Event{
		Bot:         repl.ReplaceAll(h.Bot, ""),
		Type:        repl.ReplaceAll(h.Type, ""),
		Subject:     event.Name(cmp.Or(repl.ReplaceAll(h.User, ""), get(delivery.PlaceholderUser), get(placeholderAuthUser))),
		Time:        h.now(),
		OrderKey:    event.Name(cmp.Or(repl.ReplaceAll(h.OrderKey, ""), get(delivery.PlaceholderOrderKey))),
		VerifiedBy:  cmp.Or(get(delivery.PlaceholderVerifiedBy), "none"),
		TraceParent: traceParent(r),
	}
}

// complete gives a draft its id: the one that it has in every repeat where its sender names it.
func (h *Handler) complete(e *event.Event, r *http.Request, of event.Identity) *problem.Problem {
	var err error
	if of.Key != "" {
		e.ID = of.ID(e.Subject)
	} else {
		e.ID, err = event.NewID(e.Subject)
	}
	e.Normalize()
	e.Type = cmp.Or(e.Type, defaultType)
	if err = cmp.Or(err, e.Validate()); err != nil {
		h.logger.DebugContext(r.Context(), "request makes no event", slog.Any("error", err))
		return problem.Malformed.WithDetail("The request makes no valid event.")
	}
	return nil
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
