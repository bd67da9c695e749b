package botschema

import (
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/modules/internal/problem"
)

var violated = problem.New(http.StatusUnprocessableEntity, "schema-violation", "The request body does not match the schema.")

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	refusal := h.check(r)
	observe(refusal)
	if refusal == nil {
		return next.ServeHTTP(w, r)
	}
	h.logger.DebugContext(r.Context(), "request body refused",
		slog.String("reason", refusal.Slug()), slog.Int("errors", len(refusal.Errors)))
	return refusal.Write(w)
}

func (h *Handler) check(r *http.Request) *problem.Problem {
	body, err := payload.Of(r, h.MaxSize)
	if err != nil {
		return payload.Problem(err)
	}
	if len(body.Raw) == 0 {
		return problem.Malformed.WithDetail("The request has no body.")
	}
	document, err := body.JSON()
	if err != nil {
		return payload.Problem(err)
	}
	errs := h.compiled.Check(document)
	switch {
	case len(errs) == 0:
		return nil
	case len(errs) == MaxErrors:
		return violated.WithErrors(errs).WithDetail("There may be more errors than the %d listed.", MaxErrors)
	default:
		return violated.WithErrors(errs)
	}
}
