package botenqueue

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/requestlog"
)

// traceParent is the trace context of the request: that of the span that Caddy's handler tracing opened, or what the
// caller named. A stranger does not decide by it what is sampled behind the queue. With a tracer it is
// [tracing.Messaging.Publish] that says where the event was created.
func (h *Handler) traceParent(r *http.Request) string {
	if h.app.Messaging() != nil {
		return ""
	}
	if span := trace.SpanContextFromContext(r.Context()); span.IsValid() {
		return tracing.TraceParent(span)
	}
	given := r.Header.Get(tracing.Header)
	if given == "" {
		return ""
	}
	if requestlog.FromTrustedProxy(r) {
		return tracing.TraceParent(tracing.Parse(given))
	}
	return tracing.Unforced(given)
}

// handOff publishes, in a span where there is a tracer.
func (h *Handler) handOff(ctx context.Context, q queue.Queue, events []*event.Event) error {
	ctx, span := h.app.Messaging().Publish(ctx, events...)
	defer span.End()
	err := q.Publish(ctx, events...)
	switch {
	case err == nil:
	case errors.Is(err, queue.ErrTooLarge):
		tracing.Fail(span, "too_large")
	default:
		tracing.Fail(span, tracing.CauseOf(err))
	}
	return err
}

// describe says in the request's span what came of it.
func describe(ctx context.Context, in intake, done outcome) {
	span := tracing.Recording(ctx)
	if span == nil {
		return
	}
	span.SetAttributes(attribute.String("botgate.bot", in.events[0].Bot),
		attribute.String("cloudevents.event_id", in.events[0].ID), attribute.Bool("botgate.repeat", done.repeat))
	if in.sender != "" {
		span.SetAttributes(attribute.String("botgate.platform", in.sender))
	}
}
