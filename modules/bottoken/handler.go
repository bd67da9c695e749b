package bottoken

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/crossorigin"
	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/security"
)

// keysPath is where the public keys are (RFC 8615).
const keysPath = "/.well-known/jwks.json"

// tokenReply is the answer with a token (RFC 6749, section 5.1).
type tokenReply struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	// ExpiresIn is in seconds.
	ExpiresIn int64  `json:"expires_in"`
	Scope     string `json:"scope,omitempty"`
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler]. It never calls the next handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.URL.Path == keysPath {
		return h.serveKeys(w, r)
	}
	who, scopes, refused := h.admit(r)
	if refused != nil {
		h.security.Refused(r, security.Refusal{
			Handler: "bot_token", Reason: refused.outcome, Counter: requestsTotal.WithLabelValues(refused.outcome),
		})
		return refused.answer.Write(w)
	}
	now := time.Now()
	token, err := h.issuer.issue(h.keys.signer(now), who, scopes, now)
	if err != nil {
		return caddyhttp.Error(http.StatusInternalServerError, err)
	}
	requestsTotal.WithLabelValues(outcomeIssued).Inc()
	return writeJSON(w, http.StatusOK, tokenReply{
		AccessToken: token, TokenType: "Bearer", ExpiresIn: int64(h.issuer.ttl / time.Second), Scope: strings.Join(scopes, " "),
	})
}

// admit returns the client that asks for a token, and the scopes that it gets.
func (h *Handler) admit(r *http.Request) (*client, []string, *refusal) {
	if r.Method != http.MethodPost {
		return nil, nil, wrongMethod
	}
	address := lockout.Address(r)
	if left, locked := h.lockouts.address.Locked(address); locked {
		return nil, nil, lockedOut(left)
	}
	// No page has a client's secret, and any page could have its visitors locked out.
	if crossorigin.Foreign(r) {
		return nil, nil, crossOrigin
	}
	asked, refused := read(r)
	if refused != nil {
		return nil, nil, refused
	}
	who, refused := h.authenticate(r, address, asked.credentials)
	if refused != nil {
		return nil, nil, refused
	}
	r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer).Set("http.auth.user.id", who.subject)
	scopes, ok := who.grant(asked.scopes)
	if !ok {
		return nil, nil, badScope
	}
	return who, scopes, nil
}

// read reads the request's form, and no more than a form may have.
func read(r *http.Request) (*tokenRequest, *refusal) {
	if !isForm(r.Header) {
		return nil, wrongType
	}
	if r.ContentLength > maxBody {
		return nil, tooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if exceeded := (*http.MaxBytesError)(nil); errors.As(err, &exceeded) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, unreadable
	}
	return parseRequest(r.Header, string(body))
}

// authenticate finds out whether the credentials are good. Who failed too often is not
// even looked at.
func (h *Handler) authenticate(r *http.Request, address string, given credentials) (*client, *refusal) {
	if left, locked := h.lockouts.locked(address, given.id); locked {
		return nil, lockedOut(left)
	}
	clients, now := h.clients.Get(), time.Now()
	if who := clients.recall(given.id, given.secret, now); who != nil {
		return who, nil
	}
	if !h.hashes.enter(r.Context(), address) {
		return nil, busy
	}
	defer h.hashes.leave()
	// Others of its kind may have failed while this one waited.
	if left, locked := h.lockouts.locked(address, given.id); locked {
		return nil, lockedOut(left)
	}
	who := clients.verify(r.Context(), given.id, given.secret, now)
	if who == nil {
		// A client that hangs up is counted all the same.
		h.hashes.failed(address, 1)
		locked, left := h.lockouts.failed(context.WithoutCancel(r.Context()), address, given.id)
		h.security.LockedOut(r, "bot_token", locked, left)
		return nil, badCredentials
	}
	return who, nil
}

// serveKeys answers with the public keys, which may be kept for a while: new ones are
// published long before they sign.
func (h *Handler) serveKeys(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return problem.MethodNotAllowed("GET, HEAD").Write(w)
	}
	set := h.keys.published()
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", h.cacheKeys)
	w.Header().Set("Content-Length", strconv.Itoa(len(set)))
	w.Write(set)
	return nil
}
