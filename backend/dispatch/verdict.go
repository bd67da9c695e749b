package dispatch

import (
	"context"
	"errors"
	"net/http"
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
