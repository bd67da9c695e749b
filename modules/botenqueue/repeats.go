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
	case in.names[0].identity.Key != "":
		return h.takeCommand(ctx, in.events[0], in.names[0].identity)
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
	h.sameBytes(ctx, in)
	seen := h.seen(ctx, in)
	var events []*event.Event
	var publishing []idempotency.Key
	for i, e := range in.events {
		keys := in.keys(i)
		if slices.ContainsFunc(keys, func(key idempotency.Key) bool { return seen[key] }) {
			continue
		}
		events, publishing = append(events, e), append(publishing, keys...)
		for _, key := range keys {
			seen[key] = true // An item that the batch has twice is published once.
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

// keys are what the event of that number is remembered by; none where a repeat can't be told from a
// new event.
func (in intake) keys(number int) []idempotency.Key {
	known := in.names[number]
	if known.identity.Key == "" && known.bytes == nil {
		return nil
	}
	keys := []idempotency.Key{idempotency.KeyOf(in.events[number].ID)}
	for _, id := range known.ids {
		keys = append(keys, idempotency.KeyOf(id))
	}
	return keys
}

// seen says which keys of the events are marked.
func (h *Handler) seen(ctx context.Context, in intake) map[idempotency.Key]bool {
	var keys []idempotency.Key
	for i := range in.events {
		keys = append(keys, in.keys(i)...)
	}
	seen := make(map[idempotency.Key]bool, len(keys))
	if len(keys) == 0 {
		return seen
	}
	for i, marked := range h.store.Seen(ctx, h.terms, keys) {
		seen[keys[i]] = marked
	}
	return seen
}

// sameBytes gives events whose key nobody signed the id that the same signed bytes had first. So
// those that come again, also while the first are under way, are no second event, whatever their
// headers say.
func (h *Handler) sameBytes(ctx context.Context, in intake) {
	var keys []idempotency.Key
	var ids []string
	var of []*event.Event
	for i, known := range in.names {
		if known.bytes != nil {
			keys, ids, of = append(keys, known.bytes.Sum()), append(ids, in.events[i].ID), append(of, in.events[i])
		}
	}
	if len(keys) == 0 {
		return
	}
	for i, id := range h.store.First(ctx, h.terms, keys, ids) {
		if of[i].OrderKey == of[i].ID {
			of[i].OrderKey = id
		}
		of[i].ID = id
	}
}
