package botjwt

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/problem"
)

const claimPrefix = "http.auth.user."

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	claims, err := h.authenticate(r)
	if err == nil {
		requestsTotal.WithLabelValues(outcomeVerified).Inc()
		setPlaceholders(r, claims)
		return next.ServeHTTP(w, r)
	}
	reason := BadClaims
	errors.As(err, &reason)
	requestsTotal.WithLabelValues(string(reason)).Inc()
	h.logger.DebugContext(r.Context(), "token refused", slog.String("reason", string(reason)))
	return h.challenge.of(reason).Write(w)
}

func (h *Handler) authenticate(r *http.Request) (Claims, error) {
	token, err := bearer(r.Header)
	if err != nil {
		return Claims{}, err
	}
	return h.verifier.Verify(token)
}

// bearer returns the token of the Authorization header. With two headers, others down
// the line might trust the one that was not verified, so that is refused.
func bearer(header http.Header) (string, error) {
	values := header.Values("Authorization")
	if len(values) > 1 {
		return "", Malformed
	}
	scheme, token, _ := strings.Cut(header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", Missing
	}
	return strings.TrimSpace(token), nil
}

func setPlaceholders(r *http.Request, claims Claims) {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	repl.Set(claimPrefix+"id", claims.User)
	repl.Set("http.bot.verified_by", "jwt")
	repl.Map(func(key string) (any, bool) {
		name, ok := strings.CutPrefix(key, claimPrefix)
		if !ok {
			return nil, false
		}
		return claims.Text(name)
	})
}

// challenges are the three answers to requests that may not pass (RFC 6750, section 3).
type challenges struct{ missing, invalid, scope *problem.Problem }

const realm = `Bearer realm="botgate"`

func newChallenges(scopes []string) challenges {
	return challenges{
		missing: problem.New(http.StatusUnauthorized, "missing-token", "A bearer token is required.").
			WithHeader("WWW-Authenticate", realm),
		invalid: problem.New(http.StatusUnauthorized, "invalid-token", "The bearer token was not accepted.").
			WithHeader("WWW-Authenticate", realm+`, error="invalid_token"`),
		scope: problem.New(http.StatusForbidden, "insufficient-scope", "The bearer token does not allow this.").
			WithHeader("WWW-Authenticate", fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, realm, strings.Join(scopes, " "))),
	}
}

// details explains what was found out after the signature was. Before, an explanation
// would help only those who try tokens out.
var details = map[Reason]string{
	NoExpiry:    `The token has no claim "exp".`,
	Expired:     "The token has expired.",
	NotYetValid: "The token is not valid yet.",
	BadIssuer:   "The token's issuer is not trusted here.",
	BadAudience: "The token is meant for somebody else.",
	NoUser:      "The token names no user.",
}

func (c challenges) of(reason Reason) *problem.Problem {
	switch reason {
	case Missing:
		return c.missing
	case NoScope:
		return c.scope
	}
	if detail, ok := details[reason]; ok {
		return c.invalid.WithDetail("%s", detail)
	}
	return c.invalid
}
