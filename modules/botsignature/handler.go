package botsignature

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/crossorigin"
	"github.com/botgate/botgate/modules/internal/delivery"
	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/modules/internal/security"
	"github.com/botgate/botgate/modules/internal/unverified"
)

var (
	unknownPlatform = problem.New(http.StatusNotFound, "unknown-platform", "There is no such platform here.")
	badProbe        = problem.New(http.StatusForbidden, "invalid-verify-token", "The verify token was not accepted.")
	keysUnavailable = problem.New(http.StatusServiceUnavailable, "keys-unavailable", "The request can't be verified at present.").
			WithDetail("The platform's keys could not be had. Send it again.").WithRetryAfter(retryAfter)
)

const (
	// retryAfter is what senders are asked to wait while there are no keys.
	retryAfter = 5 * time.Second
	// maxBatch is how many times the largest body the events of a batch may take together.
	maxBatch = 4
	// maxProbeSize is the largest body, in bytes, of requests that are read unsigned.
	maxProbeSize = 4 << 10
)

// refusal is why a request does not pass and how it is answered.
type refusal struct {
	outcome string
	answer  *problem.Problem
}

// counts reports whether it is a failure of the sender: a key that is not known yet may be that of a
// rotation.
func (r *refusal) counts() bool {
	return r.answer == badProbe || r.answer.Status == http.StatusUnauthorized && r.outcome != string(platform.UnknownKey)
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	from, ok := h.senders[repl.ReplaceAll(h.Platform, "")]
	if !ok {
		return h.refuse(w, r, noPlatform, &refusal{outcomeUnknownPlatform, unknownPlatform})
	}
	if h.guard != nil {
		// Any page could have its visitors locked out, and none is a platform.
		if crossorigin.Foreign(r) {
			return h.refuse(w, r, from.name, &refusal{outcomeCrossOrigin, crossorigin.Problem})
		}
		if left, locked := h.guard.Locked(lockout.Address(r)); locked {
			return h.refuse(w, r, from.name, &refusal{outcomeLockedOut, lockout.Problem(left)})
		}
	}
	// What is wrong whatever the body may be is refused before the body is read.
	reason := reasonOf(from.Verify(h.request(r, nil), nil))
	if reason == platform.HeaderMissing {
		switch reply := h.probe(r, from); {
		case reply != nil && reply.Status >= http.StatusBadRequest:
			return h.refuse(w, r, from.name, &refusal{outcomeBadProbe, badProbe})
		case reply != nil:
			requestsTotal.WithLabelValues(from.name, outcomeHandshake).Inc()
			delivery.WriteReply(w, reply)
			return nil
		}
	}
	if r.Method != http.MethodPost {
		return h.refuse(w, r, from.name, &refusal{outcomeMethod, problem.MethodNotAllowed(http.MethodPost)})
	}
	// Without secrets these two are all that a well-formed request can be told.
	if reason != platform.SignatureMismatch && reason != platform.UnknownKey {
		return h.refuse(w, r, from.name, from.refusal(reason))
	}
	body, refused := h.verified(r, from)
	defer payload.Release(r)
	if refused != nil {
		return h.refuse(w, r, from.name, refused)
	}
	return h.accept(w, r, from, body, next)
}

// verified reads the body of a request that its platform signed. Where the proof is in the headers, nothing
// is read of anybody else.
func (h *Handler) verified(r *http.Request, from *sender) (*payload.Payload, *refusal) {
	checkBody, refused := from.verifyHead(r.Context(), h.request(r, nil))
	if refused != nil {
		return nil, refused
	}
	if checkBody != nil {
		payload.Trust(r)
	}
	body, err := payload.Of(r, h.budget, h.maxSize(from))
	if err != nil {
		return nil, &refusal{readOutcome(err), payload.Problem(err)}
	}
	if checkBody == nil {
		refused = from.verify(r.Context(), h.request(r, body.Raw))
	} else if reason := reasonOf(checkBody(body.Raw)); reason != "" {
		refused = from.refusal(reason)
	}
	if refused != nil {
		payload.Drop(r)
		return nil, refused
	}
	payload.Trust(r)
	return body, nil
}

// maxSize is the largest body of the sender.
func (h *Handler) maxSize(from *sender) int64 { return cmp.Or(h.MaxSize, platform.MaxBody(from.name)) }

// accept answers a handshake, and hands on everything else.
func (h *Handler) accept(w http.ResponseWriter, r *http.Request, from *sender, body *payload.Payload, next caddyhttp.Handler) error {
	d, refused := h.read(r, from, body)
	if refused != nil {
		return h.refuse(w, r, from.name, refused)
	}
	delivery.Set(r, d)
	if len(d.Events) == 0 {
		requestsTotal.WithLabelValues(from.name, outcomeHandshake).Inc()
		delivery.WriteReply(w, d.Reply)
		return nil
	}
	requestsTotal.WithLabelValues(from.name, outcomeVerified).Inc()
	return next.ServeHTTP(w, r)
}

// read says what a verified request brings.
func (h *Handler) read(r *http.Request, from *sender, body *payload.Payload) (*delivery.Delivery, *refusal) {
	document, err := body.Settle(platform.BodiesOf(from.name))
	if err != nil {
		return nil, &refusal{readOutcome(err), payload.Problem(err)}
	}
	request := h.request(r, body.Raw)
	request.MaxBatch = maxBatch * h.maxSize(from)
	if request.Body, err = body.Content(); err != nil {
		return nil, &refusal{readOutcome(err), payload.Problem(err)}
	}
	if r.Header.Get("Content-Type") != body.ContentType {
		request.Header = r.Header.Clone()
		request.Header.Set("Content-Type", body.ContentType)
	}
	brought, err := from.Read(request, document)
	if err != nil {
		return nil, batchRefusal(err)
	}
	d := &delivery.Delivery{Platform: from.name, Accounts: from.accounts, Delivery: brought}
	d.Signed = from.signed(h.request(r, body.Raw), d.Events)
	return d, nil
}

// probe returns the answer to a request that the platform sends unsigned, if it is one.
func (h *Handler) probe(r *http.Request, from *sender) *platform.Reply {
	prober, ok := from.Platform.(platform.Prober)
	if !ok || r.ContentLength < 0 || r.ContentLength > maxProbeSize {
		return nil
	}
	body, err := payload.Of(r, h.budget, maxProbeSize)
	if err != nil {
		return nil
	}
	return prober.Probe(h.request(r, body.Raw))
}

func (h *Handler) request(r *http.Request, body []byte) *platform.Request {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	// Platforms sign the address that they called, not what a rewrite made of it.
	address := r.URL
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		address = original.URL
	}
	return &platform.Request{
		Method: r.Method, URL: scheme + "://" + r.Host + address.RequestURI(),
		Header: r.Header, Body: body, Now: h.now(),
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, name string, refused *refusal) error {
	h.security.Refused(r, security.Refusal{
		Handler: "bot_signature", Reason: refused.outcome, Platform: name,
		Counter: requestsTotal.WithLabelValues(name, refused.outcome),
	})
	if h.guard != nil && refused.counts() {
		address := lockout.Address(r)
		h.security.LockedOut(r, "bot_signature", address, h.guard.Failed(r.Context(), address))
	}
	return refused.answer.Write(w)
}

// batchRefusal is the answer to a batch of too many events, or of events that are too large together.
func batchRefusal(err error) *refusal {
	if errors.Is(err, platform.ErrBatchItems) {
		return &refusal{outcomeTooMany, problem.TooComplex.WithDetail("There are too many events in one request.")}
	}
	return &refusal{outcomeTooLarge, problem.TooLarge.WithDetail("The events of the request are too large together.")}
}

func readOutcome(err error) string {
	switch {
	case errors.Is(err, payload.ErrTooLarge):
		return outcomeTooLarge
	case errors.Is(err, unverified.ErrFull):
		return outcomeOverloaded
	}
	return outcomeUnreadable
}
