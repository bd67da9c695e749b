package dispatch

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// verdict is what an answer means for the event.
type verdict int

const (
	// temporary: the same event may be taken later.
	temporary verdict = iota
	// delivered: the bot has the event.
	delivered
	// permanent: the bot will never take this event.
	permanent
)

// verdictOf decides on an answer:
//
//	2xx                      delivered
//	3xx, 5xx, no answer      tried again
//	401, 403, 404, 405, 407, 409, 421, 423, 426, 431, 451
//	                         tried again: they speak of the address, the rights or the state of the
//	                         bot at present (a secret being changed, a bot being deployed)
//	408, 425, 429            tried again
//	other 4xx, such as 410   refused for good: they speak of the event, or end it
func verdictOf(ans answer) verdict {
	switch ans.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusConflict, http.StatusMisdirectedRequest,
		http.StatusLocked, http.StatusTooEarly, http.StatusUpgradeRequired, http.StatusTooManyRequests,
		http.StatusRequestHeaderFieldsTooLarge, http.StatusUnavailableForLegalReasons:
		return temporary
	}
	switch ans.status / 100 {
	case 2:
		return delivered
	case 4:
		return permanent
	}
	return temporary
}

// health says what an answer means for the bot.
func (ans answer) health() health {
	switch {
	case errors.Is(ans.err, errPanicked), errors.Is(ans.err, context.Canceled):
		return unknown
	case verdictOf(ans) == temporary:
		return down
	}
	return up
}

// judge completes a change by what an answer means for the bot, and returns the delay until the next
// attempt with StatusFailed.
func judge(
	delivery *queue.Delivery, change event.Change, ans answer, t *target, b breaker,
) (event.Change, time.Duration) {
	change.Error = ans.reason()
	change, isLast := t.decide(delivery, change, verdictOf(ans), b.charges)
	if isLast {
		return change, 0
	}
	backoff := func(attempt int) time.Duration { return t.delay(attempt, ans.retryAfter) }
	delay, next := b.pause(change.Attempt, ans.health(), backoff, change.At)
	next = next.UTC()
	change.Status, change.NextAttempt = event.StatusFailed, &next
	return change, delay
}

// decide completes a change by the verdict on its attempt, and reports whether none follows. Attempts that are not
// charged never use up what the bot's settings allow.
func (t *target) decide(
	delivery *queue.Delivery, change event.Change, v verdict, isCharged bool,
) (_ event.Change, isLast bool) {
	switch {
	case v == delivered:
		change.Status, change.Error = event.StatusDelivered, ""
	case v == permanent:
		change.Error = refusedForGood + ": " + change.Error
	case isCharged && t.bot.MaxAttempts > 0 && change.Attempt >= t.bot.MaxAttempts:
		change.Error = outOfAttempts + ": " + change.Error
	case isCharged && change.At.Sub(t.triedSince(delivery, change.At)) > t.bot.GiveUpAfter:
		change.Error = outOfTime + ": " + change.Error
	default:
		return change, false
	}
	return change, true
}
