package botenqueue

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/desk"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/payload"
)

// The bounds of the option wait.
const (
	minWait = 200 * time.Millisecond
	maxWait = 30 * time.Second
)

// replyMargin is the part of a wait that is left for the answer's way from the bot to the platform.
const replyMargin = 100 * time.Millisecond

// The values of the option order.
const (
	orderUser    = "user"
	orderChannel = "channel"
)

// waitFor is how long a platform's request waits for the bot's own answer; 0 for not at all.
func (h *Handler) waitFor(d *delivery.Delivery, bot string) time.Duration {
	switch {
	case d == nil || len(d.Events) != 1 || d.Reply == nil || !d.Reply.Replaceable || !h.app.AnswersPlatform(bot):
		return 0
	case h.Wait != nil:
		return time.Duration(*h.Wait)
	}
	return d.Reply.Wait
}

// orderKey is the key of an event that came with a request that waits or not. Those that wait are ordered by user in
// their channel, since one that stands behind another user's is late.
func (h *Handler) orderKey(item platform.Event, wait time.Duration) string {
	if wait == 0 || h.Order == orderChannel || item.User == "" || item.OrderKey == "" {
		return item.OrderKey
	}
	return item.OrderKey + ":" + item.User
}

// publishAwaited publishes what a request brings. From then on it waits for the bot's answer, where it is to.
func (h *Handler) publishAwaited(ctx context.Context, in intake, events []*event.Event) (*desk.Waiter, *problem.Problem) {
	waiter := h.await(in)
	refusal := h.publish(ctx, events)
	if refusal != nil {
		waiter.Leave()
		return nil, refusal
	}
	return waiter, nil
}

// await has a request wait for the answer to its event, unless too many wait already; nil for not.
func (h *Handler) await(in intake) *desk.Waiter {
	if in.wait == 0 {
		return nil
	}
	q, err := h.app.Queue()
	if err != nil {
		return nil // Nothing will be published.
	}
	e := in.events[0]
	until := e.Time.Add(in.wait)
	waiter := q.Desk().Wait(e.Bot, e.ID, until)
	if waiter == nil {
		waitsTotal.WithLabelValues(waitFull).Inc()
		return nil
	}
	e.ReplyBy, e.Ephemeral = until.Add(-replyMargin), in.ephemeral
	return waiter
}

// replyInTime answers a platform with what the bot answers, where that comes in time. It returns false where it
// answered nothing.
func (h *Handler) replyInTime(w http.ResponseWriter, r *http.Request, waiter *desk.Waiter) bool {
	if waiter == nil {
		return false
	}
	payload.Release(r) // The queue has the body; others need its room meanwhile.
	answer := waiter.Answer(r.Context())
	if answer == nil {
		waitsTotal.WithLabelValues(h.waitedFor(r, waiter)).Inc()
		return false
	}
	waitsTotal.WithLabelValues(waitAnswered).Inc()
	usual := delivery.Of(r).Reply
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
	delivery.WriteReply(w, &platform.Reply{
		Status: usual.Status, ContentType: cmp.Or(answer.ContentType, usual.ContentType), Body: answer.Body,
	})
	return true
}

// waitedFor says why a wait ended without an answer.
func (h *Handler) waitedFor(r *http.Request, waiter *desk.Waiter) string {
	switch {
	case r.Context().Err() != nil:
		return waitLeft
	case waiter.IsOver(h.now()):
		return waitLate
	}
	return waitNone
}
