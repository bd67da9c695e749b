package dispatch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/botgate/botgate/internal/outbound"
)

// cause is what kept an attempt from success: the label of a metric.
type cause string

const (
	redirected   cause = "3xx"
	refusedEvent cause = "4xx"
	failedInside cause = "5xx" // Inside the bot.
	internal     cause = "internal"
	late         cause = "timeout"
	unresolved   cause = "dns"
	untrusted    cause = "certificate"
	withoutTLS   cause = "no_tls"
	refused      cause = "refused"
	closed       cause = "closed"
	otherSpeech  cause = "not_http"
	notPublic    cause = "not_public"
	unreachable  cause = "unreachable"
)

// phrases are what people read for causes that are no status: without addresses and without the bot's
// words, since all who may read events see them.
var phrases = map[cause]string{
	internal:    "the attempt failed inside Botgate",
	late:        "the bot did not answer in time",
	unresolved:  "the bot's host name can't be resolved",
	untrusted:   "the bot's certificate can't be verified",
	withoutTLS:  "the bot does not speak TLS",
	refused:     "the bot refused the connection",
	closed:      "the bot closed the connection",
	otherSpeech: "what answers is not HTTP",
	notPublic:   "the bot's address is not a public one, which needs allow_private",
	unreachable: "the bot can't be reached",
}

// causes are all of them.
func causes() []cause {
	all := []cause{redirected, refusedEvent, failedInside}
	for c := range phrases {
		all = append(all, c)
	}
	return all
}

// cause is why the attempt did not succeed.
func (ans answer) cause() cause {
	var (
		dns *net.DNSError
		crt *tls.CertificateVerificationError
		tmo net.Error
		ins *outbound.InsideError
		rec tls.RecordHeaderError
	)
	switch err := ans.err; {
	case err == nil && ans.status/100 == 4:
		return refusedEvent
	case err == nil && ans.status/100 == 3:
		return redirected
	case err == nil:
		return failedInside
	case errors.Is(err, errPanicked):
		return internal
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &tmo) && tmo.Timeout():
		return late
	case errors.As(err, &ins):
		return notPublic
	case errors.As(err, &dns):
		return unresolved
	case errors.As(err, &crt):
		return untrusted
	case errors.As(err, &rec) && string(rec.RecordHeader[:]) == "HTTP/":
		return withoutTLS
	case errors.Is(err, syscall.ECONNREFUSED):
		return refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return closed
	case notHTTP(err):
		return otherSpeech
	}
	return unreachable
}

// reason says in a few words what went wrong.
func (ans answer) reason() string {
	switch c := ans.cause(); {
	case c == redirected:
		return fmt.Sprintf("the bot answered %d; redirects are not followed", ans.status)
	case ans.err == nil:
		return fmt.Sprintf("the bot answered %d", ans.status)
	default:
		return phrases[c]
	}
}

// notHTTP reports whether something answered and net/http could not read it. Most of those errors
// have no type of their own; a test fails when their words change.
func notHTTP(err error) bool {
	if network := (*net.OpError)(nil); errors.As(err, &network) {
		return false
	}
	words := []string{"transport connection broken", "response headers exceeded", "readLoopPeekFailLocked"}
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(err.Error(), w) })
}
