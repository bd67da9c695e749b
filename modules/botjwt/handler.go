package botjwt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/botclaim"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/crossorigin"
	"github.com/botgate/botgate/modules/internal/lockout"
	"github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/refusals"
	"github.com/botgate/botgate/modules/internal/security"
)

const (
	claimPrefix = "http.auth.user."
	// scopesPlaceholder has the scopes that count, with spaces between, whichever claim they are in.
	scopesPlaceholder = "http.bot.scopes"
)

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	// They speak for the token that is verified here; what the caller sets does not.
	h.dropHeaders(r.Header)
	if h.RequireBot != "" {
		refusals.About(r, h.requiredBot(r))
	}
	if h.guard != nil {
		if left, locked := h.guard.Locked(lockout.Address(r)); locked {
			return h.refuse(w, r, reasonLockedOut, inHeader, lockout.Problem(left))
		}
	}
	claims, in, err := h.authenticate(r)
	if err != nil {
		why := reasonBadClaims
		errors.As(err, &why)
		return h.refuse(w, r, why, in, cmp.Or(h.challenges[why], h.challenges[reasonMalformed]))
	}
	setPlaceholders(r, claims)
	if !h.isForBot(r, claims) {
		return h.refuse(w, r, reasonOtherBot, in, botclaim.OtherBot)
	}
	verifiedTotal.Inc()
	h.setHeaders(r.Header, claims)
	return h.serve(w, r, claims, in, next)
}

// dropHeaders takes away what the caller says in the place of the token.
func (h *Handler) dropHeaders(of http.Header) {
	drop := func(header string) {
		of.Del(header)
		keepInConnection(of, header)
	}
	drop(botclaim.Header)
	for header := range h.ClaimHeaders {
		drop(header)
	}
}

// setHeaders tells the upstream what the token says.
func (h *Handler) setHeaders(of http.Header, claims *tokenClaims) {
	of.Set(botclaim.Header, claims.Bots)
	for header, claim := range h.ClaimHeaders {
		value, ok := claims.Text(claim)
		if claim == h.UserClaim {
			value = claims.User // Two issuers can have the same.
		}
		if ok {
			of.Set(header, headerValue(value))
		}
	}
}

// isForBot reports whether the token is for the bot of the route, where the route names one.
func (h *Handler) isForBot(r *http.Request, claims *tokenClaims) bool {
	return h.RequireBot == "" || botclaim.May(claims.Bots, h.requiredBot(r))
}

// requiredBot is the bot that the route names.
func (h *Handler) requiredBot(r *http.Request) string {
	return placeholder.Fill(r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer), h.RequireBot)
}

// authenticate returns the claims of the request's token, and where the token was.
func (h *Handler) authenticate(r *http.Request) (claims *tokenClaims, in string, err error) {
	found, err := tokenOf(r, h.Sources)
	if err == nil && found.in == inCookie && crossorigin.Forged(r) {
		err = reasonCrossOrigin
	}
	if err != nil {
		return nil, found.in, err
	}
	claims, err = h.verifier.Verify(r.Context(), found.token)
	if err == nil && h.revoked != nil {
		err = h.checkRevocation(r.Context(), claims)
	}
	return claims, found.in, err
}

// checkRevocation is apart from the verifier and its cache, so that it is always up to date.
func (h *Handler) checkRevocation(ctx context.Context, claims *tokenClaims) error {
	list := h.revoked.Current(ctx, revocationWait)
	if list == nil {
		return reasonRevocationsUnavailable
	}
	if list.Revoked(claims.id, claims.User, claims.issued) {
		return reasonRevoked
	}
	return nil
}

// refuse answers for a token that was in the place. Any page can have a browser send what is in a cookie or a query, so
// that only what was in the header is the failure of somebody at the client's address.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, why reason, in string, answer *problem.Problem) error {
	h.security.Refused(r, security.Refusal{
		Handler: "bot_jwt", Reason: string(why), Counter: requestsTotal.WithLabelValues(string(why)),
	})
	if h.guard != nil && in == inHeader && counts(why) {
		address := lockout.Address(r)
		h.security.LockedOut(r, "bot_jwt", address, h.guard.Failed(r.Context(), address))
	}
	return answer.Write(w)
}

// counts reports whether the reason is a failure of the caller: who sent no token tried
// nothing, a good token that lacks a scope was not guessed, and a key that is not known yet may be
// that of a rotation.
func counts(why reason) bool {
	switch why {
	case reasonMissing, reasonNoScope, reasonOtherBot, reasonLockedOut, reasonExpired,
		reasonUnknownKey, reasonKeysUnavailable, reasonRevocationsUnavailable:
		return false
	default:
		return true
	}
}

// headerValue keeps a claim from being more than one header. What can't be a header is sent
// as an empty one: that is not the same as a token without the claim.
func headerValue(value string) string {
	if strings.ContainsFunc(value, unicode.IsControl) {
		return ""
	}
	return value
}

// keepInConnection takes the name of a header out of the caller's Connection header, by
// which callers could have reverse_proxy leave it out (RFC 9110, section 7.6.1).
func keepInConnection(h http.Header, header string) {
	named := func(option string) bool { return strings.EqualFold(strings.TrimSpace(option), header) }
	for i, line := range h["Connection"] {
		options := slices.DeleteFunc(strings.Split(line, ","), named)
		h["Connection"][i] = strings.Join(options, ",")
	}
}

func setPlaceholders(r *http.Request, claims *tokenClaims) {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(claimPrefix+"id", claims.User)
	repl.Set("http.bot.verified_by", "jwt")
	repl.Set(botclaim.Placeholder, claims.Bots)
	repl.Map(claims.placeholders)
}

// retryAfter is what callers are asked to wait while there are no keys.
const retryAfter = 5 * time.Second

// revocationWait bounds the wait for the first copy of the revocations.
const revocationWait = 2 * time.Second

const realm = `Bearer realm="botgate"`

// newChallenges makes the answers to requests that may not pass (RFC 6750, section 3). What is
// not among them is answered as [reasonMalformed] is.
func newChallenges(scopes []string) map[reason]*problem.Problem {
	unavailable := func(slug, detail string) *problem.Problem {
		return problem.New(http.StatusServiceUnavailable, slug, "The request can't be verified at present.").
			WithDetail("%s", detail).WithRetryAfter(retryAfter)
	}
	challenge := func(status int, slug, title, parameters string) *problem.Problem {
		return problem.New(status, slug, title).WithHeader("WWW-Authenticate", realm+parameters)
	}
	invalid := challenge(http.StatusUnauthorized, "invalid-token", "The bearer token was not accepted.",
		`, error="invalid_token"`)
	challenges := map[reason]*problem.Problem{
		reasonMissing:   challenge(http.StatusUnauthorized, "missing-token", "A bearer token is required.", ""),
		reasonMalformed: invalid,
		reasonTwoTokens: challenge(http.StatusBadRequest, "two-tokens", "The request carries more than one token.",
			`, error="invalid_request"`),
		reasonCrossOrigin: crossorigin.Problem.WithHeader("WWW-Authenticate", realm).
			WithDetail("A token in a cookie does not count for what pages of other origins send."),
		reasonNoScope: challenge(http.StatusForbidden, "insufficient-scope", "The bearer token does not allow this.",
			fmt.Sprintf(`, error="insufficient_scope", scope="%s"`, strings.Join(scopes, " "))),
		reasonKeysUnavailable: unavailable("keys-unavailable", "The issuer's keys could not be had. Send it again."),
		reasonRevocationsUnavailable: unavailable("revocations-unavailable",
			"It could not be found out whether the token is still good. Send it again."),
	}
	for why, detail := range details {
		challenges[why] = invalid.WithDetail("%s", detail)
	}
	return challenges
}

// details explains what is of use to whoever has a token. What concerns its signature is
// not explained: that would help only those who try tokens out.
var details = map[reason]string{
	reasonNoExpiry:     `The token has no claim "exp".`,
	reasonExpired:      "The token has expired.",
	reasonNotYetValid:  "The token is not valid yet.",
	reasonBadIssuer:    "The token's issuer is not trusted here.",
	reasonBadAudience:  "The token is meant for somebody else.",
	reasonRevoked:      "The token was revoked.",
	reasonNoUser:       "The token names no user.",
	reasonForeignUser:  "The token's issuer does not speak for this user.",
	reasonForeignClaim: "The token's issuer does not speak for what a claim says.",
	reasonMissingClaim: "The token lacks a claim that is required here.",
}
