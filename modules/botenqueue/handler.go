package botenqueue

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/modules/internal/payload"
	placeholders "github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/security"
)

// retryAfter is what callers are asked to wait when the queue takes nothing: long
// enough for a broker's failover, short enough for a platform's retry schedule.
const retryAfter = 5 * time.Second

var errUnavailable = problem.New(http.StatusServiceUnavailable, "queue-unavailable", "The event was not accepted.").
	WithDetail("The queue takes no events at present. Send it again.").WithRetryAfter(retryAfter)

// ServeHTTP accepts the event, or the events of a batch, or says why not.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	start := h.now()
	defer payload.Release(r)
	var done outcome
	var in intake
	bot, body, refusal := h.receive(r)
	if refusal == nil {
		in, refusal = h.events(r, bot, body)
	}
	if refusal == nil {
		done, refusal = h.take(r.Context(), in)
	}
	if refusal != nil {
		h.refused(r, refusal)
		return refusal.Write(w)
	}
	observe(r.Context(), done, h.now().Sub(start))
	requestlog.Annotate(r, "event_id", in.events[0].ID)
	describe(r.Context(), in, done)
	if !h.replyInTime(w, r, done.waiter) && !h.replyByBot(w, r, next, in, done) {
		reply(w, r, in, done)
	}
	return nil
}

// refused counts a refusal; that nobody was verified is in the security log, too.
func (h *Handler) refused(r *http.Request, refusal *problem.Problem) {
	why := security.Refusal{
		Handler: "bot_enqueue", Reason: refusal.Slug(), Bot: h.botOf(r), Counter: requestsTotal.WithLabelValues(refusal.Slug()),
	}
	if refusal == notVerified {
		h.security.Refused(r, why)
		return
	}
	h.security.Count(r, why)
	h.logger.DebugContext(r.Context(), "event refused", slog.String("reason", why.Reason))
}

// receive returns the bot and the body of a request that may be taken.
func (h *Handler) receive(r *http.Request) (bot string, body *payload.Payload, refusal *problem.Problem) {
	if refusal = h.admit(r); refusal != nil {
		return "", nil, refusal
	}
	if r.Method != http.MethodPost {
		return "", nil, problem.MethodNotAllowed(http.MethodPost)
	}
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	bot = h.botOf(r)
	// The caller's token may be for one bot: a Caddyfile can't forget to ask.
	if allowed, checked := repl.GetString(botclaim.Placeholder); checked && !botclaim.May(allowed, bot) {
		return "", nil, botclaim.OtherBot
	}
	if !h.app.KnownBot(bot) {
		return "", nil, problem.UnknownBot
	}
	body, err := payload.Of(r, h.budget, h.MaxSize)
	if err == nil && !h.Open {
		err = body.CheckForm()
	}
	if err != nil {
		return "", nil, payload.Problem(err)
	}
	return bot, body, nil
}

// botOf is the bot that the request is for, known or not.
func (h *Handler) botOf(r *http.Request) string {
	return placeholders.Fill(r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer), h.Bot)
}

// publish hands the events to the queue and waits until all of them are durable there. A
// part that is queued when the rest fails does no harm: sent again, it has the same ids.
func (h *Handler) publish(ctx context.Context, events []*event.Event) *problem.Problem {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(h.Timeout))
	defer cancel()
	q, err := h.app.Queue()
	if err == nil {
		err = h.handOff(ctx, q, events)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, queue.ErrTooLarge):
		return problem.TooLarge.WithDetail("The queue takes no event of this size.")
	case errors.Is(err, context.Canceled):
		// The client went away; that says nothing about the queue.
		h.logger.DebugContext(ctx, "client left before the queue confirmed", slog.Any("error", err))
	default:
		h.logger.WarnContext(ctx, "queue did not take an event", slog.Any("error", err))
	}
	return errUnavailable
}
