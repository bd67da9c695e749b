package botenqueue

import (
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/delivery"
)

var notVerified = problem.New(http.StatusForbidden, "not-verified", "Nobody verified who sent the request.")

// admit refuses what no handler before this one verified, however the routes came to be: what
// stands in a configuration is checked when it is loaded, but matchers decide at each request.
func (h *Handler) admit(r *http.Request) *problem.Problem {
	if h.Open || verified(r) {
		return nil
	}
	if h.warned.CompareAndSwap(false, true) {
		h.logger.WarnContext(r.Context(), "no check verified who sends: put bot_jwt or bot_signature before bot_enqueue"+
			" for all of its requests, or the option open into its block", slog.String("bot", h.Bot))
	}
	return notVerified
}

// verified reports whether bot_jwt, bot_signature or a provider of Caddy's authentication knows who sends.
func verified(r *http.Request) bool {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	return placeholder(repl, delivery.PlaceholderVerifiedBy) != "" || placeholder(repl, placeholderAuthUser) != ""
}
