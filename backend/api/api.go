// Package api answers queries about events over HTTP: one event with its attempts, and
// lists of events. Who may ask is decided by the gateway in front of it.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/backend/store"
)

// DefaultTimeout bounds a query when [Config] does not.
const DefaultTimeout = 5 * time.Second

// Reader is what the API asks of a store.
type Reader interface {
	Get(ctx context.Context, id string) (*store.Record, error)
	List(ctx context.Context, q store.Query) (*store.Page, error)
}

// Config is what the API is made of.
type Config struct {
	// Reader has the events. Required.
	Reader Reader
	// Timeout bounds the queries of one request; a store that takes longer counts as
	// unavailable. Default 5s.
	Timeout time.Duration
	// Logger gets what the answers don't say. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

type api struct {
	cfg     Config
	metrics *metrics
}

// New returns the handler of /v1/events and /v1/events/{id}. Errors are problem+json
// (RFC 9457); every other path is one of them, 404.
func New(cfg Config) (http.Handler, error) {
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
	a := &api{cfg: cfg, metrics: m}
	mux := http.NewServeMux()
	mux.Handle("/v1/events", a.route("list", a.list))
	mux.Handle("/v1/events/{id}", a.route("event", a.event))
	mux.Handle("/", a.route("other", func(*http.Request) ([]byte, error) { return nil, notFound }))
	return mux, nil
}

// route answers with what find returns, a JSON document or an error.
func (a *api) route(name string, find func(*http.Request) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		code := a.answer(w, r, find)
		a.metrics.observe(name, code, time.Since(started))
	})
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, find func(*http.Request) ([]byte, error)) int {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return methodNotAllowed.write(w)
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Timeout)
	defer cancel()
	body, err := find(r.WithContext(ctx))
	if err != nil {
		return a.problem(r, err).write(w)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
	return http.StatusOK
}

// problem chooses the answer to an error. What is not the caller's to know is logged.
func (a *api) problem(r *http.Request, err error) *problem {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return unknownEvent
	case r.Context().Err() != nil:
		return unavailable // The client is gone and reads no answer.
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		a.cfg.Logger.Debug("store is away", "error", err) // The health check warns, once.
		return unavailable
	}
	a.cfg.Logger.Error("query failed", "error", err)
	return internal
}
