package dispatch

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/tracing"
)

// span is the one of what is done with a delivery in hand. It begins with an attempt and not before, as the wait for a
// bot may take hours: the time before it is that wait.
type span struct {
	messaging *tracing.Messaging
	delivery  *queue.Delivery
	current   trace.Span // Nil before the first.
}

// begin starts an attempt, which ends the last one.
func (s *span) begin(ctx context.Context) context.Context {
	s.end()
	attempt := tracing.Attempt{Number: s.delivery.Attempt, Replays: s.delivery.Replays}
	ctx, s.current = s.messaging.Process(ctx, s.delivery.Event, attempt)
	return ctx
}

// conclude says what came of the delivery, also without an attempt.
func (s *span) conclude(ctx context.Context, change event.Change) context.Context {
	if s.current == nil {
		ctx = s.begin(ctx)
	} else {
		ctx = trace.ContextWithSpan(ctx, s.current)
	}
	if s.current.IsRecording() {
		s.current.SetAttributes(attribute.String("botgate.outcome", string(change.Status)))
		if change.Status == event.StatusFailed || change.Status == event.StatusDead {
			tracing.Fail(s.current, string(change.Status))
		}
	}
	return ctx
}

func (s *span) end() {
	if s.current != nil {
		s.current.End()
	}
}

// startPost begins the span of a request to the bot, which knows its host and nothing else of its address.
func (t *target) startPost(ctx context.Context, attempt int) (context.Context, trace.Span) {
	ctx, post := tracing.Child(ctx, http.MethodPost, trace.SpanKindClient)
	if post.IsRecording() {
		post.SetAttributes(
			attribute.String("http.request.method", http.MethodPost),
			attribute.String("server.address", t.blank.URL.Hostname()),
			attribute.Int("http.request.resend_count", attempt-1))
		if port, err := strconv.Atoi(t.blank.URL.Port()); err == nil {
			post.SetAttributes(attribute.Int("server.port", port))
		}
	}
	return ctx, post
}

// endPost says in the span of a request what came of it.
func endPost(post trace.Span, ans answer) {
	if !post.IsRecording() {
		return
	}
	if ans.status != 0 {
		tracing.SetStatus(post, ans.status, http.StatusMultipleChoices)
	} else {
		tracing.Fail(post, string(ans.cause()))
	}
}
