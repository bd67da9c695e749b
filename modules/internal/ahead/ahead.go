// Package ahead finds the handler that gets a request later, for one that goes to Redis before it: what both ask
// goes in one round trip then.
package ahead

import (
	"net/http"
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/internal/redisclient"
)

// Asker is a handler that asks Redis about its requests.
type Asker interface {
	// Ask returns what the handler is going to ask about the request, or nil for what it asks in its turn. It is
	// called at most once for a request; what is returned is sent.
	Ask(r *http.Request) *redisclient.Call
	// Forgo undoes what was asked, unless the handler got the request. It is called for every request before its
	// answer is sent.
	Forgo(r *http.Request)
}

// passing are the handlers that refuse a request or pass it on as it is.
var passing = []caddy.ModuleID{"http.handlers.bot_schema"}

// Of returns what finds the asker behind the handler that is provisioned with ctx: the one that gets all that the
// handler passes on and nobody in between refuses; nil where there is none. It may be called once all are
// provisioned, such as with the first request.
func Of(ctx caddy.Context, h caddyhttp.MiddlewareHandler) func() Asker {
	modules := ctx.Modules()
	return sync.OnceValue(func() Asker {
		for _, parent := range slices.Backward(modules) {
			switch parent := parent.(type) {
			case *caddyhttp.Subroute:
				return behind(parent.Routes, h)
			case *caddyhttp.App:
				for _, server := range parent.Servers {
					if asker := behind(server.Routes, h); asker != nil {
						return asker
					}
				}
			}
		}
		return nil
	})
}

// behind finds the asker in the routes that h is in.
func behind(routes caddyhttp.RouteList, h caddyhttp.MiddlewareHandler) Asker {
	passed := false
	for i := range routes {
		route := &routes[i]
		if passed && (len(route.MatcherSets) > 0 || route.Group != "") {
			return nil // Not for all requests.
		}
		for _, next := range route.Handlers {
			if !passed {
				passed = next == h
				continue
			}
			if asker, ok := next.(Asker); ok {
				return asker
			}
			if module, ok := next.(caddy.Module); !ok || !slices.Contains(passing, module.CaddyModule().ID) {
				return nil
			}
		}
		if passed && route.Terminal {
			return nil
		}
	}
	return nil
}
