package ahead

import (
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/redisclient"
)

// handler is one of a name.
type handler struct{ name string }

func (h *handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: caddy.ModuleID("http.handlers." + h.name)}
}

func (*handler) ServeHTTP(http.ResponseWriter, *http.Request, caddyhttp.Handler) error { return nil }

type asker struct{ handler }

func (*asker) Ask(*http.Request) *redisclient.Call { return nil }
func (*asker) Forgo(*http.Request)                 {}

func TestAskerIsTheOneThatGetsAllRequests(t *testing.T) {
	t.Parallel()
	limiter, schema, rewrite := &handler{"bot_rate_limit"}, &handler{"bot_schema"}, &handler{"rewrite"}
	jwt, enqueue := &handler{"bot_jwt"}, &asker{handler{"bot_enqueue"}}
	route := func(handlers ...caddyhttp.MiddlewareHandler) caddyhttp.Route {
		return caddyhttp.Route{Handlers: handlers}
	}
	matched := func(r caddyhttp.Route) caddyhttp.Route {
		r.MatcherSets = caddyhttp.MatcherSets{{}}
		return r
	}
	grouped := route(enqueue)
	grouped.Group = "g"
	terminal := route(limiter)
	terminal.Terminal = true
	for name, c := range map[string]struct {
		routes caddyhttp.RouteList
		found  bool
	}{
		"same route":           {caddyhttp.RouteList{route(jwt, limiter, schema, enqueue)}, true},
		"routes":               {caddyhttp.RouteList{route(jwt), route(limiter), route(schema), route(enqueue)}, true},
		"limiter with matcher": {caddyhttp.RouteList{route(jwt), matched(route(limiter)), route(enqueue)}, true},
		"other handler":        {caddyhttp.RouteList{route(limiter, rewrite), route(enqueue)}, false},
		"schema with matcher":  {caddyhttp.RouteList{route(limiter), matched(route(schema)), route(enqueue)}, false},
		"asker with matcher":   {caddyhttp.RouteList{route(limiter), matched(route(enqueue))}, false},
		"group":                {caddyhttp.RouteList{route(limiter), grouped}, false},
		"terminal":             {caddyhttp.RouteList{terminal, route(enqueue)}, false},
		"asker before":         {caddyhttp.RouteList{route(enqueue), route(limiter)}, false},
		"elsewhere":            {caddyhttp.RouteList{route(schema, enqueue)}, false},
	} {
		require.Equal(t, c.found, behind(c.routes, limiter) == Asker(enqueue), name)
		require.Equal(t, c.found, behind(c.routes, limiter) != nil, name)
	}
}
