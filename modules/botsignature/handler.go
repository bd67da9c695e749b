package botsignature

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/modules/internal/problem"
)

var unknownPlatform = problem.New(http.StatusNotFound, "unknown-platform", "There is no such platform here.")

// sender is a platform with the secrets that it may sign with.
type sender struct {
	platform.Platform
	secrets []platform.Secret
	refusal *problem.Problem
}

func newSender(p platform.Platform, secrets []platform.Secret) *sender {
	return &sender{
		Platform: p, secrets: secrets,
		refusal: problem.New(http.StatusUnauthorized, "invalid-signature", "The signature was not accepted.").
			WithHeader("WWW-Authenticate", fmt.Sprintf("Signature realm=%q", p.Name())),
	}
}

// check verifies the request and returns why not, or "".
func (s *sender) check(req *platform.Request) platform.Reason {
	err := s.Verify(req, s.secrets)
	if err == nil {
		return ""
	}
	reason := platform.SignatureMismatch
	errors.As(err, &reason)
	return reason
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	from, ok := h.senders[repl.ReplaceAll(h.Platform, "")]
	if !ok {
		return h.refuse(w, r, noPlatform, outcomeUnknownPlatform, unknownPlatform)
	}
	// What is wrong whatever the body may be is refused before a byte of it is read.
	if reason := from.check(h.request(r, nil)); reason != "" && reason != platform.SignatureMismatch {
		return h.refuse(w, r, from.Name(), string(reason), from.refusal)
	}
	body, err := payload.Of(r, h.MaxSize)
	if err != nil {
		return h.refuse(w, r, from.Name(), readOutcome(err), payload.Problem(err))
	}
	req := h.request(r, body.Raw)
	if reason := from.check(req); reason != "" {
		return h.refuse(w, r, from.Name(), string(reason), from.refusal)
	}
	requestsTotal.WithLabelValues(from.Name(), outcomeVerified).Inc()
	// Without a document the facts come from the headers alone; whether such a body
	// will do is for those to say who need one.
	document, _ := body.Document()
	setPlaceholders(repl, from.Name(), from.Facts(req, document))
	return next.ServeHTTP(w, r)
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

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, name, outcome string, answer *problem.Problem) error {
	requestsTotal.WithLabelValues(name, outcome).Inc()
	h.logger.DebugContext(r.Context(), "webhook refused", slog.String("platform", name), slog.String("reason", outcome))
	return answer.Write(w)
}

func readOutcome(err error) string {
	if errors.Is(err, payload.ErrTooLarge) {
		return outcomeTooLarge
	}
	return outcomeUnreadable
}

func setPlaceholders(repl *caddy.Replacer, name string, facts platform.Facts) {
	repl.Set("http.bot.platform", name)
	repl.Set("http.bot.verified_by", name)
	repl.Set("http.bot.type", facts.Type)
	repl.Set("http.bot.user", facts.User)
	repl.Set("http.bot.order_key", facts.OrderKey)
	repl.Set("http.bot.dedupe_id", facts.DedupeID)
}
