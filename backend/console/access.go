package console

import (
	"net/http"
	"slices"
)

// The scopes that pages ask for.
const (
	scopeRead  = "events:read"
	scopeAct   = "events:admin"
	scopeAdmin = "console:admin"
	// scopeLink marks the token of a one-time link.
	scopeLink = "console:login"
)

// access says which scope a call of the API needs. What is not in it is refused. Where it asks for more than the API's
// own routes do, it is because a page is quicker to click than a command is to type.
var access = map[string]string{
	"GET /v1/events":             scopeRead,
	"GET /v1/events/{id}":        scopeRead,
	"DELETE /v1/events/{id}":     scopeAct,
	"GET /v1/events/stream":      scopeRead,
	"GET /v1/users":              scopeRead,
	"GET /v1/users/{user}":       scopeRead,
	"GET /v1/queues":             scopeRead,
	"GET /v1/stats":              scopeRead,
	"GET /v1/bots":               scopeRead,
	"GET /v1/bots/{bot}":         scopeRead,
	"GET /v1/dead":               scopeAct,
	"GET /v1/dead/summary":       scopeAct,
	"GET /v1/dead/{id}":          scopeAct,
	"POST /v1/dead/{id}/replay":  scopeAct,
	"POST /v1/dead/replay":       scopeAct,
	"DELETE /v1/dead/{id}":       scopeAdmin,
	"DELETE /v1/dead":            scopeAdmin,
	"GET /v1/jobs":               scopeAct,
	"GET /v1/jobs/stream":        scopeAct,
	"GET /v1/jobs/{id}":          scopeAct,
	"GET /v1/jobs/{id}/result":   scopeAct,
	"DELETE /v1/jobs/{id}":       scopeAct,
	"POST /v1/jobs":              scopeAct,
	"POST /v1/bots/{bot}/pause":  scopeAct,
	"POST /v1/bots/{bot}/resume": scopeAct,
	"POST /v1/bots/{bot}/test":   scopeAct,
	"GET /v1/refusals":           scopeRead,
	"GET /v1/refusals/stream":    scopeRead,
	"GET /v1/limits":             scopeRead,
	"POST /v1/limits/reset":      scopeAct,
	// An export of a user has their sessions, too.
	"GET /v1/users/{user}/data":     scopeAct,
	"GET /v1/sessions/{bot}/{user}": scopeAct,
	"DELETE /v1/users/{user}/data":  scopeAdmin,
	"GET /v1/audit":                 scopeAdmin,
	"GET /v1/system":                scopeAdmin,
}

// newCalls finds the entry of access that a call belongs to.
func newCalls() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern := range access {
		mux.Handle(pattern, http.NotFoundHandler())
	}
	return mux
}

// scopeFor returns the scope that the call needs; false for a call that nobody may make.
func (c *Console) scopeFor(call *http.Request) (string, bool) {
	_, pattern := c.calls.Handler(call)
	scope, known := access[pattern]
	return scope, known
}

// roleOf names what a user may do.
func roleOf(scopes []string) string {
	switch {
	case slices.Contains(scopes, scopeAdmin):
		return "admin"
	case slices.Contains(scopes, scopeAct):
		return "operator"
	case slices.Contains(scopes, scopeRead):
		return "viewer"
	}
	return "nobody"
}

// May reports whether the visitor has the scope; for what changes something only where that is allowed at all.
func (v *visit) May(scope string) bool { return slices.Contains(v.session.Scopes, scope) }

// lacks is what keeps the visitor from seeing something; empty for nothing.
func (v *visit) lacks(scope string) string {
	if v.May(scope) {
		return ""
	}
	return "This needs a token with the scope " + scope + "; you are " + roleOf(v.session.Scopes) + "."
}

// why is what keeps the visitor from a change; empty for nothing.
func (v *visit) why(scope string) string {
	if v.c.cfg.ReadOnly {
		return "This console is read-only."
	}
	return v.lacks(scope)
}

// refuse is why the visitor may not make a change; nil where they may.
func (v *visit) refuse(scope string) error {
	if why := v.why(scope); why != "" {
		return &trouble{Status: http.StatusForbidden, Title: "You may not do this", Detail: why + " Nothing was changed."}
	}
	return nil
}
