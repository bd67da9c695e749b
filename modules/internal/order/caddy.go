package order

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// defaultBackend is where the shipped Caddyfile finds the backend's API.
const defaultBackend = "127.0.0.1:8081"

// envBackend is how it is told another place.
const envBackend = "BOTGATE_API_UPSTREAM"

// looked are the configurations that were looked at already, each until it ends: one look tells of all of its handlers.
var looked sync.Map // of *caddyhttp.App to func() error

// Verify looks at the routes of the configuration that the module of ctx is provisioned in, when the first of its
// handlers asks. It warns of what may be meant, and returns an error about what must not be.
func Verify(ctx caddy.Context) error {
	for _, module := range ctx.Modules() {
		if config, ok := module.(*caddyhttp.App); ok {
			return verify(ctx, config)
		}
	}
	return nil // Not within an HTTP server.
}

// VerifyStarted does the same for an app that starts, in case no handler asked.
func VerifyStarted(ctx caddy.Context) error {
	module, err := ctx.AppIfConfigured("http")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil
	}
	if err != nil {
		return err
	}
	return verify(ctx, module.(*caddyhttp.App))
}

func verify(ctx caddy.Context, config *caddyhttp.App) error {
	once := sync.OnceValue(func() error {
		context.AfterFunc(ctx, func() { looked.Delete(config) })
		raw, err := json.Marshal(appJSON(config))
		if err != nil {
			return fmt.Errorf("reading the routes: %w", err)
		}
		found := Check(Config{HTTP: raw, Backends: []string{defaultBackend, "localhost:8081", os.Getenv(envBackend)}})
		for _, f := range found {
			if !f.Fatal {
				ctx.Slogger().Warn("route does not do what it seems to", slog.String("problem", f.String()))
			}
		}
		return Err(found)
	})
	look, _ := looked.LoadOrStore(config, once)
	return look.(func() error)()
}

// object is a JSON object.
type object map[string]any

// appJSON is the configuration of the app as JSON. Caddy drops the JSON of what it has provisioned, so
// that parts are to be made of modules again.
func appJSON(config *caddyhttp.App) object {
	servers := object{}
	for name, s := range config.Servers {
		named := object{}
		for name, r := range s.NamedRoutes {
			named[name] = routeJSON(r)
		}
		servers[name] = object{"routes": routesJSON(s.Routes), "errors": errorsJSON(s.Errors), "named_routes": named}
	}
	return object{"servers": servers}
}

func errorsJSON(config *caddyhttp.HTTPErrorConfig) any {
	if config == nil {
		return nil
	}
	return object{"routes": routesJSON(config.Routes)}
}

func routesJSON(list caddyhttp.RouteList) []object {
	routes := make([]object, len(list))
	for i := range list {
		routes[i] = routeJSON(&list[i])
	}
	return routes
}

func routeJSON(r *caddyhttp.Route) object {
	match := make([]any, 0, len(r.MatcherSetsRaw)+len(r.MatcherSets))
	for _, set := range r.MatcherSetsRaw {
		match = append(match, set)
	}
	for _, set := range r.MatcherSets {
		match = append(match, setJSON(set))
	}
	handle := make([]any, 0, len(r.HandlersRaw)+len(r.Handlers))
	for _, raw := range r.HandlersRaw {
		handle = append(handle, raw)
	}
	for _, h := range r.Handlers {
		handle = append(handle, handlerJSON(h))
	}
	return object{"group": r.Group, "match": match, "handle": handle}
}

func setJSON(set caddyhttp.MatcherSet) object {
	matchers := object{}
	for _, m := range set {
		name := fmt.Sprintf("%T", m)
		if module, ok := m.(caddy.Module); ok {
			name = caddy.GetModuleName(module)
		}
		if not, ok := m.(*caddyhttp.MatchNot); ok {
			matchers[name] = notJSON(not)
			continue
		}
		// A matcher that can't be shown is there nevertheless.
		raw, err := json.Marshal(m)
		if err != nil {
			raw = []byte("null")
		}
		matchers[name] = json.RawMessage(raw)
	}
	return matchers
}

func notJSON(not *caddyhttp.MatchNot) []any {
	var sets []any
	for _, raw := range not.MatcherSetsRaw {
		sets = append(sets, raw)
	}
	for _, set := range not.MatcherSets {
		sets = append(sets, setJSON(set))
	}
	return sets
}

func handlerJSON(h caddyhttp.MiddlewareHandler) object {
	described := object{}
	switch h := h.(type) {
	case *caddyhttp.Subroute:
		described["routes"], described["errors"] = routesJSON(h.Routes), errorsJSON(h.Errors)
	case *reverseproxy.Handler:
		described["upstreams"], described["handle_response"] = h.Upstreams, responsesJSON(h.HandleResponse)
	case *intercept.Intercept:
		described["handle_response"] = responsesJSON(h.HandleResponse)
	default:
		described = flat(h)
	}
	if module, ok := h.(caddy.Module); ok {
		described["handler"] = caddy.GetModuleName(module)
	}
	return described
}

func responsesJSON(list []caddyhttp.ResponseHandler) []object {
	responses := make([]object, len(list))
	for i, response := range list {
		responses[i] = object{"match": response.Match, "routes": routesJSON(response.Routes)}
	}
	return responses
}

// flat is a handler whose options say all that matters.
func flat(h caddyhttp.MiddlewareHandler) object {
	described := object{}
	raw, err := json.Marshal(h)
	if err != nil || json.Unmarshal(raw, &described) != nil {
		return object{}
	}
	return described
}
