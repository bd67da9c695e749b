package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/backend/deadletter"
	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/internal/requestid"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/urlpath"
)

const (
	// retryTimeout bounds a retry, for which the queue may have to be opened.
	retryTimeout = 25 * time.Second
	// eraseTimeout bounds the erasure of a user, which can be repeated.
	eraseTimeout = 25 * time.Second
	// held is the timeout of a route that bounds its own steps, because it waits for an event or for the client.
	held = 0
)

// endpoint answers a caller, who must see nothing of other bots than theirs. An error becomes a problem.
type endpoint func(w *response, r *http.Request, c caller) error

// anyone is an endpoint that answers everybody alike.
type anyone func(w *response, r *http.Request) error

// route is a method and path that the API answers.
type route struct {
	// pattern is one of [http.ServeMux], which answers HEAD wherever it answers GET.
	pattern string
	// name is the label of metrics.
	name    string
	timeout time.Duration
	answer  endpoint
}

func (a *API) routes() []route {
	query := a.cfg.Timeout
	all := []route{
		{"GET /v1/events", "list", query, a.listEvents},
		{"GET /v1/events/{id}", "event", held, a.getEvent},
		{"GET /v1/events/{id}/answer", "answer", held, a.getAnswer},
		{"GET /v1/events/stream", "stream", held, a.streamEvents},
		{"GET /v1/users", "users", query, a.listUsers},
		{"GET /v1/users/{user}", "user", query, a.getUser},
		{"GET /v1/bots", "bots", query, a.listBots},
		{"GET /v1/bots/{bot}", "bot", query, a.getBot},
		{"GET /v1/queues", "queues", query, a.listQueues},
		{"GET /v1/stats", "stats", query, a.allStats},
		{"GET /v1/bots/{bot}/stats", "stats", query, a.botStats},
		{"GET /v1/dead", "dead", query, a.listDead},
		{"GET /v1/dead/summary", "dead", query, a.sumDead},
		{"GET /v1/dead/{id}", "dead", query, a.getDead},
	}
	all = append(all, append(a.botChanges(), a.eventChanges()...)...)
	if a.cfg.System != nil {
		all = append(all, route{"GET /v1/system", "system", query, a.getSystem})
	}
	if a.cfg.Audit != nil {
		all = append(all, route{"GET /v1/audit", "audit", query, a.listAudit})
	}
	if a.cfg.Refusals != nil {
		all = append(all, []route{
			{"GET /v1/refusals", "refusals", query, a.listRefusals},
			{"GET /v1/refusals/stream", "stream", held, a.streamRefusals},
			{"GET /v1/limits", "limits", query, a.listLimits},
			{"POST /v1/limits/reset", "limits", query, a.resetLimit},
		}...)
	}
	if a.cfg.Jobs != nil {
		all = append(all, a.jobRoutes()...)
	}
	if a.cfg.Sessions != nil {
		all = append(all, []route{
			{"GET /v1/sessions/{bot}/{user}", "session", query, a.getSession},
			{"PUT /v1/sessions/{bot}/{user}", "session", query, a.putSession},
			{"PATCH /v1/sessions/{bot}/{user}", "session", query, a.patchSession},
			{"DELETE /v1/sessions/{bot}/{user}", "session", query, a.deleteSession},
		}...)
	}
	if a.cfg.Sessions != nil && a.cfg.Eraser != nil {
		all = append(all, []route{
			{"GET /v1/users/{user}/data", "export", held, a.exportUser},
			{"DELETE /v1/users/{user}/data", "erase", eraseTimeout, a.eraseUser},
		}...)
	}
	return all
}

// jobRoutes are those of jobs, and of dead letters, which jobs move.
func (a *API) jobRoutes() []route {
	query := a.cfg.Timeout
	return []route{
		{"GET /v1/jobs", "jobs", query, a.listJobs},
		{"POST /v1/jobs", "jobs", query, a.submitJob},
		{"GET /v1/jobs/stream", "stream", held, a.streamJobs},
		{"GET /v1/jobs/{id}", "job", query, oneJob(a.cfg.Jobs.Get)},
		{"DELETE /v1/jobs/{id}", "job", query, oneJob(a.cfg.Jobs.Cancel)},
		{"GET /v1/jobs/{id}/result", "job_result", held, a.jobFile},
		{"DELETE /v1/dead", "dead", query, a.moveDead(deadletter.DropJob)},
		{"DELETE /v1/dead/{id}", "dead", query, a.moveOneDead(deadletter.DropJob)},
		{"POST /v1/dead/{id}/replay", "dead", query, a.moveOneDead(deadletter.ReplayJob)},
		{"POST /v1/dead/replay", "dead", query, a.moveDead(deadletter.ReplayJob)},
	}
}

// eventChanges are what can be done to an event.
func (a *API) eventChanges() []route {
	if a.cfg.Cancel == nil {
		return nil
	}
	return []route{{"DELETE /v1/events/{id}", "cancel", retryTimeout, a.cancelEvent}}
}

// botChanges are what can be done to a bot, and what it does itself.
func (a *API) botChanges() []route {
	return []route{
		{"POST /v1/bots/{bot}/retry", "retry", retryTimeout, a.retryBot},
		{"POST /v1/bots/{bot}/give-up", "give_up", retryTimeout, a.giveUp},
		{"POST /v1/bots/{bot}/pause", "pause", a.cfg.Timeout, a.setPaused(true)},
		{"POST /v1/bots/{bot}/resume", "pause", a.cfg.Timeout, a.setPaused(false)},
		{"POST /v1/bots/{bot}/test", "test", retryTimeout, a.testBot},
		{"POST /v1/bots/{bot}/receive", "receive", held, a.receive},
		{"POST /v1/bots/{bot}/settle", "settle", held, a.settle},
	}
}

// unclearPath answers what the gateway refuses, too: it would be a redirect otherwise, to another path than was asked
// for.
var unclearPath = problem.Malformed.
	WithDetail("The path has an empty part, or . or .. as one. Such names go into a query.")

// ServeHTTP implements [http.Handler]. The id of the request is the gateway's, where it sends one, and so is the parent of
// its span: whoever gets here may see everything.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get(requestid.Header)
	if !requestid.Valid(id) {
		id = requestid.New()
	}
	w.Header().Set(requestid.Header, id)
	r = r.WithContext(logcontext.With(r.Context(), slog.String("request_id", id)))
	answer, pattern := a.find(r)
	if a.cfg.Tracer == nil {
		answer.ServeHTTP(w, r)
		return
	}
	_, template, _ := strings.Cut(pattern, " ")
	served := tracing.Serve(a.cfg.Tracer, r, template, true)
	defer served.End()
	answer.ServeHTTP(served.Writer(w), served.Request)
}

// find returns who answers a request, and the pattern of its route; empty where there is none. Then the mux knows
// whether there is one for another method.
func (a *API) find(r *http.Request) (answer http.Handler, pattern string) {
	if !urlpath.Clear(r.URL.EscapedPath()) {
		return a.handle("other", a.cfg.Timeout, func(*response, *http.Request) error { return unclearPath }), ""
	}
	refuse, pattern := a.mux.Handler(r)
	if pattern != "" {
		return a.mux, pattern
	}
	return a.handle("other", a.cfg.Timeout, func(_ *response, r *http.Request) error {
		text := plainText{}
		refuse.ServeHTTP(text, r)
		if allow := text.Header().Get("Allow"); allow != "" {
			return problem.MethodNotAllowed(allow)
		}
		return notFound
	}), ""
}

// plainText takes the mux's own answer, of which only the headers are used.
type plainText http.Header

// Header returns the headers that the mux sets.
func (p plainText) Header() http.Header { return http.Header(p) }

// Write drops the mux's text.
func (p plainText) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader drops the mux's status.
func (p plainText) WriteHeader(int) {}

// handle makes an endpoint a handler, with a timeout unless it is 0.
func (a *API) handle(name string, timeout time.Duration, answer anyone) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		w := &response{
			ResponseWriter: rw, route: name, metrics: a.metrics, started: time.Now(),
			span: trace.SpanContextFromContext(r.Context()),
		}
		switch err := a.answer(w, r, answer); {
		case err == nil:
		case !w.begun:
			_ = a.problem(r, err).Write(w) // Problems can always be encoded.
		default:
			if r.Context().Err() == nil {
				a.cfg.Logger.WarnContext(r.Context(), "answer broken off", "route", w.route, "error", err)
				tracing.Fail(trace.SpanFromContext(r.Context()), "broken_off")
			}
			panic(http.ErrAbortHandler) // The client must not take a part for the whole.
		}
	})
}

// answer keeps pages of other origins out.
func (a *API) answer(w *response, r *http.Request, answer anyone) error {
	if a.origins.Check(r) != nil {
		return crossOrigin
	}
	return answer(w, r)
}
