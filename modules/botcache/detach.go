package botcache

import (
	"context"
	"maps"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// detach makes a request of its own of one that may end meanwhile: with the same headers, variables and placeholders,
// and nothing that the handlers of both would write to.
func detach(r *http.Request) *http.Request {
	ctx := r.Context()
	server, _ := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	before, _ := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	vars, _ := ctx.Value(caddyhttp.VarsCtxKey).(map[string]any)

	alone := r.Clone(context.WithoutCancel(ctx))
	alone.Body = http.NoBody
	repl := caddy.NewReplacer()
	alone = caddyhttp.PrepareRequest(alone, repl, nowhere{}, server)
	ctx = alone.Context()
	maps.Copy(ctx.Value(caddyhttp.VarsCtxKey).(map[string]any), vars)
	if first := r.Context().Value(caddyhttp.OriginalRequestCtxKey); first != nil {
		alone = alone.WithContext(context.WithValue(ctx, caddyhttp.OriginalRequestCtxKey, first)) //nolint:contextcheck // It is alone's own.
	}
	repl.Map(func(name string) (any, bool) { // Such as what bot_jwt says of the user.
		if strings.HasPrefix(name, "http.response.") {
			return nil, false
		}
		return before.Get(name)
	})
	return alone
}
