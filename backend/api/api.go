// Package api answers queries over HTTP: about an event with its attempts, lists of events,
// users, and the statistics of bots; it looks after dead letters, and after the sessions of bots. The gateway in
// front of it decides who may ask, and tells whose events that caller may see.
package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// DefaultTimeout bounds a query when [Config] does not.
	DefaultTimeout = 5 * time.Second
	// DeadTimeout bounds what is done with dead letters, of which a broker may have to
	// show thousands.
	DeadTimeout = 25 * time.Second
	// DefaultMaxWaits is the default of [Config.MaxWaits].
	DefaultMaxWaits = 1000
	// DefaultMaxStreams is the default of [Config.MaxStreams].
	DefaultMaxStreams = 100
)

// Reader is what the API asks of a store.
type Reader interface {
	Get(ctx context.Context, id string) (*store.Record, error)
	List(ctx context.Context, q store.Query) (*store.Page, error)
	// User returns no bots for a user of whom nothing is known.
	User(ctx context.Context, q store.UserQuery) (*store.User, error)
	Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error)
	Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error)
}

// Config is what the API is made of.
type Config struct {
	// Reader has the events. Required.
	Reader Reader
	// Dead has the dead letters. Required.
	Dead queue.DeadLetters
	// Jobs takes work that is too long for a request; nil for none, whose addresses are then 404.
	Jobs Jobs
	// Sessions has the sessions of bots; nil for none, whose addresses are then 404.
	Sessions Sessions
	// UserData hands out and erases what is kept of users; nil for none, as with Sessions.
	UserData UserData
	// Notices tells what was recorded. Without it a request that waits for an event does so
	// to the end of its time, and streams show what happened some 15s late.
	Notices Notices
	// MaxWaits is how many requests may wait for events at once; more are refused. Default 1000.
	MaxWaits int
	// MaxStreams is how many streams of events there may be at once; more are refused. Default 100.
	MaxStreams int
	// Timeout bounds the queries of one request; a store that takes longer counts as
	// unavailable. Default 5s.
	Timeout time.Duration
	// Logger gets what the answers don't say. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// API answers the requests. It must be closed.
type API struct {
	http.Handler
	api *api
}

// Close has requests that are being held open answered now, and returns when nothing is
// heard of notices any more. Other requests are answered as before.
func (a *API) Close() {
	a.api.close()
	a.api.hub.close()
}

type api struct {
	cfg     Config
	metrics *metrics
	hub     *hub
	// closing ends when requests are not to be held open any more.
	closing context.Context
	close   context.CancelFunc
	// origins keeps pages that a browser on this machine shows from moving dead letters:
	// nobody else checks a request that does not come through the gateway.
	origins *http.CrossOriginProtection
}

// New returns the handler of everything below /v1, and of /openapi.json. Errors are problem+json (RFC 9457); every
// other path is one of them, 404.
func New(cfg Config) (*API, error) {
	if cfg.MaxWaits <= 0 {
		cfg.MaxWaits = DefaultMaxWaits
	}
	if cfg.MaxStreams <= 0 {
		cfg.MaxStreams = DefaultMaxStreams
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	a := &api{cfg: cfg, metrics: m, hub: newHub(cfg.Notices), origins: http.NewCrossOriginProtection()}
	a.closing, a.close = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	for _, p := range a.paths() {
		mux.Handle(p.pattern, p.handler)
	}
	return &API{Handler: mux, api: a}, nil
}

// methods are what a path answers to; GET stands for HEAD as well.
type methods map[string]endpoint

// endpoint answers a caller, who is to see nothing of other bots than theirs.
type endpoint func(*http.Request, caller) (*reply, error)

// allowed lists them for the header Allow.
func (m methods) allowed() string {
	names := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil {
		names = append(names, http.MethodHead)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// route answers with what one of the methods returns, within a time.
func (a *api) route(name string, timeout time.Duration, methods methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		code := a.answer(w, r.WithContext(ctx), methods)
		a.metrics.observe(name, code, time.Since(started))
	})
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, methods methods) int {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	do := methods[method]
	if do == nil {
		return methodNotAllowed.with("Allow", methods.allowed()).write(w)
	}
	if a.origins.Check(r) != nil {
		return crossOrigin.write(w)
	}
	c, err := callerOf(r.Header)
	if err != nil {
		return a.problem(r, err).write(w)
	}
	reply, err := do(r, c)
	if err != nil {
		return a.problem(r, err).write(w)
	}
	return reply.write(w, r)
}

// problem chooses the answer to an error. What is not the caller's to know is logged.
func (a *api) problem(r *http.Request, err error) *problem {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p
	}
	if p := a.sessionProblem(err); p != nil {
		return p
	}
	if p := a.jobProblem(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return unknownEvent
	case errors.Is(err, queue.ErrNotFound):
		return unknownDeadLetter
	case errors.Is(err, queue.ErrCursor):
		return malformed.because("The parameter cursor must be the next_cursor of an earlier answer.")
	case r.Context().Err() != nil:
		return unavailable // The client is gone and reads no answer.
	case errors.Is(err, session.ErrUnavailable):
		a.cfg.Logger.Debug("sessions are away", "error", err) // The health check warns, once.
		return unavailable
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		a.cfg.Logger.Debug("store is away", "error", err) // The health check warns, once.
		return unavailable
	case errors.Is(err, queue.ErrUnavailable), errors.Is(err, queue.ErrUnconfirmed), errors.Is(err, queue.ErrClosed):
		a.cfg.Logger.Warn("queue does not answer about dead letters", "error", err)
		return unavailable
	}
	a.cfg.Logger.Error("query failed", "error", err)
	return internal
}
