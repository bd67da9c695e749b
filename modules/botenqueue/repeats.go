package botenqueue

import (
	"context"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/desk"
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
	// waiter waits for the bot's answer; nil where nobody does.
	waiter *desk.Waiter
}

// take publishes what the request brings, unless it is a repeat.
func (h *Handler) take(ctx context.Context, in intake) (outcome, *problem.Problem) {
	switch {
	case h.store == nil:
	case in.sender != "":
		return h.takeDelivery(ctx, in)
	case in.names[0].identity.Key != "":
		return h.takeCommand(ctx, in.events[0], in.names[0].identity)
	}
	waiter, refusal := h.publishAwaited(ctx, in, in.events)
	return outcome{answer: accepted(in.events[0]), waiter: waiter}, refusal
}

// takeCommand gives an API client the first answer to its key, or publishes.
func (h *Handler) takeCommand(ctx context.Context, e *event.Event, of event.Identity) (outcome, *problem.Problem) {
	claim := h.claim(ctx, of)
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
	h.store.Finish(claim, answer) //nolint:contextcheck // That the sender left undoes nothing.
	return outcome{answer: answer}, nil
}

// takeDelivery publishes those of a platform's events that are not known to be confirmed.
// One that another request is publishing at present is published here too, and has the same
// id: a platform that is told to come back later may not do so.
func (h *Handler) takeDelivery(ctx context.Context, in intake) (outcome, *problem.Problem) {
	h.sameBytes(ctx, in)
	seen := h.seen(ctx, in)
	taken := make(map[string]bool, len(in.events))
	var events, repeated []*event.Event
	var publishing []idempotency.Key
	for i, e := range in.events {
		ids := in.ids(i)
		if first := firstOf(e, ids, seen); first != nil {
			repeated = append(repeated, first)
			continue
		}
		if taken[e.ID] {
			continue // An item that the batch has twice is published once.
		}
		taken[e.ID] = true
		events = append(events, e)
		for _, id := range ids {
			publishing = append(publishing, idempotency.KeyOf(id))
		}
	}
	changes := h.changes(ctx, in.sender, repeated)
	if len(events) == 0 {
		h.tell(ctx, changes)
		return outcome{answer: accepted(repeated[0]), repeat: true}, nil
	}
	waiter, refusal := h.publishAwaited(ctx, in, append(events, changes...))
	if refusal != nil {
		return outcome{}, refusal
	}
	if len(publishing) > 0 {
		h.store.Mark(h.terms, publishing, in.events[0].Time) //nolint:contextcheck // That the sender left undoes nothing.
	}
	return outcome{answer: accepted(in.events[0]), waiter: waiter}, nil
}

// ids are what the event of that number is remembered by; none where a repeat can't be told from a
// new event.
func (in intake) ids(number int) []string {
	known := in.names[number]
	if known.identity.Key == "" && known.bytes == nil {
		return nil
	}
	return append([]string{in.events[number].ID}, known.ids...)
}

// firstOf is the event that was sent before under one of the ids, as far as its repeat tells; nil
// where there is none.
func firstOf(e *event.Event, ids []string, seen map[string]time.Time) *event.Event {
	for _, id := range ids {
		if at := seen[id]; !at.IsZero() {
			first := *e
			first.ID, first.Time = id, at
			return &first
		}
	}
	return nil
}

// seen says when the events were accepted that are marked, by their ids.
func (h *Handler) seen(ctx context.Context, in intake) map[string]time.Time {
	var ids []string
	for i := range in.events {
		ids = append(ids, in.ids(i)...)
	}
	seen := make(map[string]time.Time, len(ids))
	if len(ids) == 0 {
		return seen
	}
	keys := make([]idempotency.Key, len(ids))
	for i, id := range ids {
		keys[i] = idempotency.KeyOf(id)
	}
	for i, at := range h.store.Seen(ctx, h.terms, keys) {
		seen[ids[i]] = at
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
