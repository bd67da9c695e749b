package botschema

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/payload"
	"github.com/botgate/botgate/modules/internal/schema"
	"github.com/botgate/botgate/modules/internal/security"
)

var (
	violated      = problem.New(http.StatusUnprocessableEntity, "schema-violation", "The request body does not match the schema.")
	unknownSchema = problem.New(http.StatusUnprocessableEntity, "unknown-schema", "There is no schema for this kind of request.")
)

// errUnchecked means that no schema was found, and that the request passes without one.
var errUnchecked = errors.New("no schema")

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	body, err := payload.Of(r, h.budget, h.MaxSize)
	defer payload.Release(r)
	if err != nil {
		return h.refuse(w, r, payload.Problem(err))
	}
	refusal, err := h.check(r, body)
	switch {
	case errors.Is(err, errUnchecked):
		h.count(outcomeUnchecked)
		return next.ServeHTTP(w, r)
	case refusal == nil:
		h.count(outcomePassed)
		return next.ServeHTTP(w, r)
	case h.ReportOnly && refusal.Status != http.StatusRequestEntityTooLarge:
		h.report(r, refusal)
		return next.ServeHTTP(w, r)
	}
	return h.refuse(w, r, refusal)
}

// check returns why the request is to be refused, or nil.
func (h *Handler) check(r *http.Request, body *payload.Payload) (*problem.Problem, error) {
	if len(body.Raw) == 0 {
		return problem.Malformed.WithDetail("The request has no body."), nil
	}
	document, err := body.Parse(h.limits)
	if err != nil {
		return payload.Problem(err), nil
	}
	found := h.find(r, document)
	if found == nil {
		if h.OnUnknown == unknownPass {
			return nil, errUnchecked
		}
		return unknownSchema, nil
	}
	errs := found.Check(document, h.MaxErrors)
	switch {
	case len(errs) == 0:
		return nil, nil
	case len(errs) == h.MaxErrors:
		return violated.WithErrors(errs).WithDetail("There may be more errors than the %d listed.", h.MaxErrors), nil
	default:
		return violated.WithErrors(errs), nil
	}
}

// find returns the schema that the request's placeholders name, or nil.
func (h *Handler) find(r *http.Request, document *jsondoc.Document) *schema.Schema {
	repl, _ := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	return h.set.Get().Find(func(placeholder string) string {
		if value, ok := member(document.Root(), placeholder); ok {
			return value
		}
		if repl == nil {
			return ""
		}
		value, _ := repl.Get(placeholder)
		return caddy.ToString(value)
	})
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refusal *problem.Problem) error {
	h.security.Count(r, security.Refusal{Handler: "bot_schema", Reason: refusal.Slug(), Counter: h.counter(refusal.Slug())})
	h.logger.DebugContext(r.Context(), "request body refused",
		slog.String("reason", refusal.Slug()), slog.Int("errors", len(refusal.Errors)))
	return refusal.Write(w)
}

// report logs what would have been refused. The pointer has names of members in it, and
// no values.
func (h *Handler) report(r *http.Request, refusal *problem.Problem) {
	h.count(refusal.Slug())
	var first problem.FieldError
	if len(refusal.Errors) > 0 {
		first = refusal.Errors[0]
	}
	h.logger.InfoContext(r.Context(), "request body would be refused", slog.String("reason", refusal.Slug()),
		slog.Int("errors", len(refusal.Errors)), slog.String("pointer", first.Pointer), slog.String("keyword", first.Keyword))
}
