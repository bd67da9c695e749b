// Package order looks at the routes of a gateway before they serve: it finds handlers that take or proxy
// requests with no check of who sends before them, checks that stand where nothing reaches them, and limits
// that count something else than they seem to.
//
// What it knows is the JSON configuration of Caddy's app http, whatever it was written in. It is careful in
// one direction: a check counts where it is certain that each request to the handler passed it.
package order

import "encoding/json"

// app is the configuration of Caddy's app http, as far as it matters here.
type app struct {
	Servers map[string]*server `json:"servers"`
}

type server struct {
	Listen []string          `json:"listen"`
	Routes []route           `json:"routes"`
	Errors *errorRoutes      `json:"errors"`
	Named  map[string]*route `json:"named_routes"`
}

type errorRoutes struct {
	Routes []route `json:"routes"`
}

type route struct {
	Group string       `json:"group"`
	Match []matcherSet `json:"match"`
	// Handle has one object for each handler; only those of known handlers are read further.
	Handle []json.RawMessage `json:"handle"`
}

// matcherSet holds matchers by their names; a request must match all of them.
type matcherSet map[string]json.RawMessage

// subroute is the handler subroute.
type subroute struct {
	Routes []route      `json:"routes"`
	Errors *errorRoutes `json:"errors"`
}

// proxy is the handler reverse_proxy, or intercept, which has responses only.
type proxy struct {
	Upstreams []struct {
		Dial string `json:"dial"`
	} `json:"upstreams"`
	Responses []struct {
		Match *struct {
			Status []int `json:"status_code"`
		} `json:"match"`
		Routes []route `json:"routes"`
	} `json:"handle_response"`
}

// asksFirst reports whether the proxy is what the directive forward_auth makes: it asks the upstream whether the
// request may go on, and ends it otherwise.
func (p *proxy) asksFirst() bool {
	const success = 2 // Stands for all of 2xx.
	for _, response := range p.Responses {
		if response.Match != nil && len(response.Match.Status) == 1 && response.Match.Status[0] == success {
			return true
		}
	}
	return false
}

// limiter is the handler bot_rate_limit.
type limiter struct {
	Zones []struct {
		Name string `json:"name"`
		Key  string `json:"key"`
	} `json:"zones"`
}

// role is what a handler does to the requests that reach it.
type role int

const (
	roleOther role = iota
	// roleCheck verifies who sends, and lets nobody else pass.
	roleCheck
	// roleOpen says that what follows is for everybody.
	roleOpen
	// roleLimit and roleSchema are further checks, that do not know who sends.
	roleLimit
	roleSchema
	// roleCache answers some requests with what it has kept.
	roleCache
	// roleEnqueue and roleProxy take the request. Nothing after them runs.
	roleEnqueue
	roleProxy
	// roleEnd answers the request.
	roleEnd
	roleRewrite
	roleSubroute
	roleInvoke
	roleIntercept
)

// nameAPI is the proxy that knows where the backend's API is.
const nameAPI = "bot_api"

var roles = map[string]role{
	"bot_jwt": roleCheck, "bot_signature": roleCheck, "authentication": roleCheck,
	"bot_open": roleOpen, "bot_rate_limit": roleLimit, "bot_schema": roleSchema, "bot_cache": roleCache,
	"bot_enqueue": roleEnqueue, "reverse_proxy": roleProxy, nameAPI: roleProxy,
	"bot_token": roleEnd, "bot_ready": roleEnd, "static_response": roleEnd, "error": roleEnd, "file_server": roleEnd,
	"rewrite": roleRewrite, "subroute": roleSubroute, "invoke": roleInvoke, "intercept": roleIntercept,
}

// named is what all handlers have.
type named struct {
	Name string `json:"handler"`
}

// read reads the handler as T. What does not fit is refused by Caddy itself, and is empty here.
func read[T any](raw json.RawMessage) T {
	var value T
	if json.Unmarshal(raw, &value) != nil {
		var none T
		return none
	}
	return value
}
