package dispatch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
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
	case ans.err != nil, ans.status/100 == 5, ans.status == http.StatusTooManyRequests:
		return down
	}
	return up
}

// reason says in a few words what went wrong. It is shown to all who may read events,
// so it is one of a few fixed phrases, without addresses and without the bot's words.
func (ans answer) reason() string {
	var (
		dns *net.DNSError
		crt *tls.CertificateVerificationError
		tmo net.Error
	)
	switch err := ans.err; {
	case err == nil && ans.status/100 == 3:
		return fmt.Sprintf("the bot answered %d; redirects are not followed", ans.status)
	case err == nil:
		return fmt.Sprintf("the bot answered %d", ans.status)
	case errors.Is(err, errPanicked):
		return "the attempt failed inside Botgate"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &tmo) && tmo.Timeout():
		return "the bot did not answer in time"
	case errors.As(err, &dns):
		return "the bot's host name can't be resolved"
	case errors.As(err, &crt):
		return "the bot's certificate can't be verified"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "the bot does not speak TLS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the bot refused the connection"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the bot closed the connection"
	case notHTTP(err):
		return "what answers is not HTTP"
	}
	return "the bot can't be reached"
}

// notHTTP reports whether something answered and net/http could not read it. Most of those errors
// have no type of their own; a test fails when their words change.
func notHTTP(err error) bool {
	words := []string{"malformed HTTP", "malformed MIME", "response headers exceeded", "readLoopPeekFailLocked"}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(err.Error(), w) })
}

// withoutURL takes off what the HTTP client adds: the method and the bot's address,
// which can hold a user name.
func withoutURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
