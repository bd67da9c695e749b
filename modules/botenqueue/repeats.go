package botenqueue

import (
	"context"
	"net/http"
	"slices"
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
	switch {
	case h.store == nil:
	case in.platform:
		return h.takeDelivery(ctx, in)
	case in.identities[0].Key != "":
		return h.takeCommand(ctx, in.events[0], in.identities[0])
	}
	return outcome{answer: accepted(in.events[0])}, h.publish(ctx, in.events)
}

// takeCommand gives an API client the first answer to its key, or publishes.
func (h *Handler) takeCommand(ctx context.Context, e *event.Event, of event.Identity) (outcome, *problem.Problem) {
	content := idempotency.Fingerprint(of.Content)
	of.Content = nil // Another one under the key is a mistake.
	claim := h.store.Begin(ctx, h.terms, of.Sum(), content)
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
func (h *Handler) takeDelivery(ctx context.Context, in intake) (outcome, *problem.Problem) {
	keys := make([]idempotency.Key, len(in.events)) // The zero key where nothing tells a repeat.
	var known []idempotency.Key
	for i, of := range in.identities {
		if of.Key == "" {
			continue
		}
		if keys[i] = of.Sum(); !slices.Contains(known, keys[i]) {
			known = append(known, keys[i])
		}
	}
	fresh := make(map[idempotency.Key]bool, len(known))
	for i, seen := range h.store.Seen(ctx, h.terms, known) {
		fresh[known[i]] = !seen
	}
	var events []*event.Event
	var publishing []idempotency.Key
	for i, key := range keys {
		switch {
		case key == (idempotency.Key{}):
			events = append(events, in.events[i])
		case fresh[key]:
			fresh[key] = false // An item that the batch has twice is published once.
			events, publishing = append(events, in.events[i]), append(publishing, key)
		}
	}
	done := outcome{answer: accepted(in.events[0]), repeat: len(events) == 0}
	if done.repeat {
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
