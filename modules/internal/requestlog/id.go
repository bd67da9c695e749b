package requestlog

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/requestid"
	"github.com/botgate/botgate/internal/tracing"
)

// varID is where the id of a request is: {http.vars.request_id} is its placeholder.
const varID = "request_id"

// ID is the id of the request, the same at every call: the caller's, where that is a trusted proxy of Caddy's
// servers and the id is valid, else one that is made.
func ID(r *http.Request) string {
	if id := IDOf(r.Context()); id != "" {
		return id
	}
	id := r.Header.Get(requestid.Header)
	if !FromTrustedProxy(r) || !requestid.Valid(id) {
		id = requestid.New()
	}
	caddyhttp.SetVar(r.Context(), varID, id)
	return id
}

// FromTrustedProxy reports whether a proxy of Caddy's trusted_proxies sent the request.
func FromTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// IDOf is the id that the request of the context has by now; empty without one.
func IDOf(ctx context.Context) string {
	id, _ := caddyhttp.GetVar(ctx, varID).(string)
	return id
}

// Logger is the logger of a module, whose records say the id of the request that their context is of, and its span.
func Logger(ctx caddy.Context) *slog.Logger {
	return logcontext.Logger(ctx.Slogger(), func(ctx context.Context) []slog.Attr {
		if id := IDOf(ctx); id != "" {
			return []slog.Attr{slog.String("request_id", id)}
		}
		return nil
	}, tracing.LogAttrs)
}

// Annotate adds a text to the request's line in the access log, where there is one.
func Annotate(r *http.Request, name, value string) {
	if line := lineOf(r); line != nil {
		line.Set(zap.String(name, value))
	}
}

// AnnotateSpan adds the ids of the request's span to its line in the access log, where there are both.
func AnnotateSpan(r *http.Request) {
	line := lineOf(r)
	if line == nil {
		return
	}
	for _, id := range tracing.LogAttrs(r.Context()) {
		line.Set(zap.String(id.Key, id.Value.String()))
	}
}

// lineOf is what is added to the request's line in the access log; nil where there is none.
func lineOf(r *http.Request) *caddyhttp.ExtraLogFields {
	if server, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); server != nil && server.Logs == nil {
		return nil
	}
	line, _ := r.Context().Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	return line
}
