package api

import "net/http"

// path is one that the API answers at.
type path struct {
	pattern string
	handler http.Handler
}

// paths are all of them.
func (a *api) paths() []path {
	query, dead := a.cfg.Timeout, DeadTimeout
	waiting := MaxWait + 2*query
	all := []path{
		{"/openapi.json", a.route("openapi", query, methods{http.MethodGet: a.openapi})},
		{"/v1/events", a.route("list", query, methods{http.MethodGet: a.list})},
		{"/v1/events/{id}", waitable(
			a.route("event", query, methods{http.MethodGet: a.event}),
			a.route("wait", waiting, methods{http.MethodGet: a.waitForEvent}), waiting)},
		{"/v1/events/stream", http.HandlerFunc(a.streams)},
		{"/v1/users/{user}", a.route("user", query, methods{http.MethodGet: a.user})},
		{"/v1/bots/{bot}/stats", a.route("stats", query, methods{http.MethodGet: a.stats})},
		{"/v1/dead", a.route("dead", dead, methods{http.MethodGet: a.listDead, http.MethodDelete: a.dropDead})},
		{"/v1/dead/{id}", a.route("dead", dead, methods{http.MethodGet: a.getDead, http.MethodDelete: a.dropOneDead})},
		{"/v1/dead/{id}/replay", a.route("dead", dead, methods{http.MethodPost: a.replayOneDead})},
		{"POST /v1/dead/replay", a.route("dead", dead, methods{http.MethodPost: a.replayDead})},
		{"/", a.route("other", query, methods{http.MethodGet: nothing})},
	}
	if a.cfg.Jobs != nil {
		all = append(all, a.jobPaths()...)
	}
	if a.cfg.UserData != nil {
		all = append(all, path{"/v1/users/{user}/data", a.userData()})
	}
	if a.cfg.Sessions != nil {
		all = append(all, path{"/v1/sessions/{bot}/{user}", a.sessions()})
	}
	return all
}

func nothing(*http.Request, caller) (*reply, error) { return nil, notFound }
