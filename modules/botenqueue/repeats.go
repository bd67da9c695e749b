package botenqueue

import (
	"context"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/problem"
)

// inFlightRetry is what callers are asked to wait while their request is worked on.
const inFlightRetry = time.Second

var (
	errInFlight = problem.New(http.StatusConflict, "idempotency-conflict", "A request with this Idempotency-Key is in progress.").
			WithDetail("Send it again to get its answer.").WithRetryAfter(inFlightRetry)
	errMismatch = problem.IdempotencyMismatch.
			WithDetail("Use a new key for a new request, or send the same body again.")
)

// outcome is what became of a request that was not refused.
type outcome struct {
	// answer is what API clients are told.
	answer idempotency.Answer
	// repeat says that nothing was published, since all of it was before.
	repeat bool
}

// take publishes what the request brings, unless it is a repeat.
func (h *Handler) take(ctx context.Context, in intake) (outcome, *problem.Problem) {
	if h.store != nil {
		if keys := in.known(); len(keys) > 0 && in.platform {
			return h.takeDelivery(ctx, in, keys)
		} else if len(keys) > 0 {
			return h.takeCommand(ctx, in.events[0], keys[0])
		}
	}
	return outcome{answer: accepted(in.events[0])}, h.publish(ctx, in.events)
}

// takeCommand gives an API client the first answer to its key, or publishes.
func (h *Handler) takeCommand(ctx context.Context, e *event.Event, key idempotency.Key) (outcome, *problem.Problem) {
	claim := h.store.Begin(ctx, h.terms, key, idempotency.FingerprintOf(e.Type, e.Data))
	switch claim.State {
	case idempotency.Repeat:
		return outcome{answer: claim.Answer, repeat: true}, nil
	case idempotency.Mismatch:
		return outcome{}, errMismatch
	case idempotency.InFlight:
		return outcome{}, errInFlight
	case idempotency.First: // Is published.
	}
	if refusal := h.publish(ctx, []*event.Event{e}); refusal != nil {
		h.store.Abandon(ctx, claim)
		return outcome{}, refusal
	}
	answer := accepted(e)
	h.store.Finish(ctx, claim, answer)
	return outcome{answer: answer}, nil
}

// takeDelivery publishes those of a platform's events that are not known to be confirmed.
// One that another request is publishing at present is published here too, and has the same
// id: a platform that is told to come back later may not do so.
func (h *Handler) takeDelivery(ctx context.Context, in intake, keys []idempotency.Key) (outcome, *problem.Problem) {
	done := outcome{answer: accepted(in.events[0])}
	fresh := make(map[idempotency.Key]bool, len(keys))
	for i, seen := range h.store.Seen(ctx, h.terms, keys) {
		fresh[keys[i]] = !seen
	}
	var events []*event.Event
	var publishing []idempotency.Key
	for i, key := range in.keys {
		switch {
		case key == (idempotency.Key{}):
			events = append(events, in.events[i])
		case fresh[key]:
			fresh[key] = false // An item that the batch has twice is published once.
			events, publishing = append(events, in.events[i]), append(publishing, key)
		}
	}
	if len(events) == 0 {
		done.repeat = true
		return done, nil
	}
	if refusal := h.publish(ctx, events); refusal != nil {
		return outcome{}, refusal
	}
	if len(publishing) > 0 {
		h.store.Mark(ctx, h.terms, publishing)
	}
	return done, nil
}
