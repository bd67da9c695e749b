package botenqueue

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/payload"
	placeholders "github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// defaultType is the type of events whose sender does not say.
const defaultType = "event"

// intake is what a request brings.
type intake struct {
	// events has at least one.
	events []*event.Event
	// names are what they are known by.
	names []names
	// sender is the platform that delivered them; empty for an API client.
	sender string
	// wait is how long the platform's request waits for the bot's own answer, from the time of its event on.
	wait time.Duration
	// ephemeral is [event.Event.Ephemeral] of what is waited for.
	ephemeral bool
}

// events makes the events of the request for the bot: what a platform delivered, or the body as one.
func (h *Handler) events(r *http.Request, bot string, body *payload.Payload) (intake, *problem.Problem) {
	content, err := body.Content()
	if err != nil {
		return intake{}, payload.Problem(err)
	}
	items := []platform.Event{{}}
	batch := delivery.Of(r)
	var in intake
	var forwarded event.Headers
	if batch != nil {
		items, in.sender, in.wait = batch.Events, batch.Platform, h.waitFor(batch, bot)
		in.ephemeral = in.wait > 0 && batch.Reply.Ephemeral
		if forwarded, err = event.HeadersOf(r.Header, h.app.ForwardHeaders(bot)); err != nil {
			return intake{}, problem.TooLarge.WithDetail("The headers that go on to the bot are too large.")
		}
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	in.events, in.names = make([]*event.Event, 0, len(items)), make([]names, 0, len(items))
	for i, item := range items {
		if batch != nil && len(items) > 1 { // That of a single event is set.
			delivery.SetEvent(repl, item)
		}
		item.OrderKey = h.orderKey(item, in.wait)
		e := h.draft(r, repl, bot, item)
		e.NotBefore = delivery.NotBefore(r, i)
		e.ContentType, e.Data, e.Headers = body.ContentType, content, forwarded
		if item.Body != nil {
			e.ContentType, e.Data = "application/json", item.Body
		}
		known, refusal := identify(e, r, batch, i)
		bulk := false
		if refusal == nil && batch == nil {
			bulk, refusal = ask(e, r, body)
		}
		if refusal == nil {
			refusal = h.complete(e, r, known.identity, bulk)
		}
		if refusal != nil {
			return intake{}, refusal
		}
		in.events, in.names = append(in.events, e), append(in.names, known)
	}
	return in, nil
}

// draft is the event that the request describes, without an id and a body. The item is what a platform says of it.
func (h *Handler) draft(r *http.Request, repl *caddy.Replacer, bot string, item platform.Event) *event.Event {
	user := cmp.Or(placeholders.Fill(repl, h.User), item.User)
	if user == "" {
		user = placeholder(repl, placeholderAuthUser)
	}
	return &event.Event{
		Bot:         bot,
		Type:        placeholders.Fill(repl, h.Type),
		Subject:     event.Name(user),
		Time:        h.now(),
		OrderKey:    event.Name(cmp.Or(placeholders.Fill(repl, h.OrderKey), item.OrderKey)),
		VerifiedBy:  cmp.Or(placeholder(repl, delivery.PlaceholderVerifiedBy), "none"),
		TraceParent: h.traceParent(r),
		RequestID:   requestlog.ID(r),
	}
}

// ask has an event be handed over as its sender, an API client, asks for, and reports whether it is bulk.
func ask(e *event.Event, r *http.Request, body *payload.Payload) (bulk bool, refusal *problem.Problem) {
	if refusal = schedule(e, r, body); refusal != nil {
		return false, refusal
	}
	return isBulk(r)
}

// complete gives a draft its id: the one that it has in every repeat where its sender names it.
func (h *Handler) complete(e *event.Event, r *http.Request, of event.Identity, bulk bool) *problem.Problem {
	var err error
	if of.Key != "" {
		e.ID = of.ID(e.Subject)
	} else {
		e.ID, err = event.NewID(e.Subject)
	}
	if bulk {
		e.MakeBulk()
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
