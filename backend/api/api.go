// Package api answers queries over HTTP: about events with their attempts, about users, and the statistics of bots. It
// also has dead letters replayed and dropped, runs jobs, and keeps the sessions of bots. The gateway in front of it decides who may ask,
// and names the bot whose events that caller may see.
package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
)

// DefaultMaxWaits is the default of [Config.MaxWaits].
const DefaultMaxWaits = 1000

const (
	defaultTimeout    = 5 * time.Second
	defaultMaxStreams = 100
)

// Reader is what the API asks of a store.
type Reader interface {
	Get(ctx context.Context, id string) (*store.Record, error)
	List(ctx context.Context, q store.Query) (*store.Page, error)
	// User returns no bots for a user of whom nothing is known.
	User(ctx context.Context, q store.UserQuery) (*store.User, error)
	Users(ctx context.Context, q store.UsersQuery) (*store.UsersPage, error)
	Stats(ctx context.Context, q store.StatsQuery) ([]store.Minute, error)
	Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error)
	// Count counts events with a status, up to a limit.
	Count(ctx context.Context, status event.Status, limit int) (int64, error)
}

// Config is what the API is made of.
type Config struct {
	// Reader has the events. Required.
	Reader Reader
	// Retry has bots tried now. Required.
	Retry Retrier
	// Cancel takes scheduled events back; nil for nobody, and then DELETE is no method of an event.
	Cancel Canceller
	// Queue says what waits; nil for one that is never available.
	Queue Queue
	// Bots are those of the bots file, whose set nobody changes; nil where this process does not read it.
	Bots func() bots.Set
	// System is about the process; nil for none, whose path is then 404.
	System *System
	// Jobs does work that is too long for a request; nil for none, whose paths are then 404.
	Jobs Jobs
	// Sessions has the sessions of bots; nil for none, whose paths are then 404.
	Sessions Sessions
	// Eraser erases users; nil for none. Without it or Sessions a user's data can be neither exported nor erased.
	Eraser Eraser
	// Audit keeps who changed what, without which nothing is changed; nil for none, whose path is then 404.
	Audit Audit
	// Refusals has what gateways refused, and their limits; nil for none, whose paths are then 404.
	Refusals Refusals
	// Limits reach the gateways; nil where nothing does.
	Limits Limits
	// Pauses has bots paused and resumed; nil where those who deliver would not hear of it.
	Pauses Pauses
	// Pull has the events of bots that pull; nil where not all processes that may have some can be found.
	Pull Pull
	// PullUses are how bots that pull do in this process; nil where it delivers nothing.
	PullUses func() map[string]pull.Use
	// Forget drops an erased user and their events from caches; the ids are nil when they are too many to be listed.
	// Default: there is no cache.
	Forget func(ctx context.Context, user string, ids []string)
	// Notices reports what was recorded. Without it a request that waits for an event polls every 3s, and streams
	// show what happened some 15s late.
	Notices Notices
	// MaxWaits is how many requests may wait for events at once; more are rejected. Default 1000.
	MaxWaits int
	// MaxStreams is how many streams there may be at once; more are rejected. Default 100.
	MaxStreams int
	// Timeout bounds the queries of one request; a store that takes longer counts as
	// unavailable. Default 5s.
	Timeout time.Duration
	// Tracer is what the spans of requests are made with. Default: none are.
	Tracer trace.Tracer
	// Logger gets what clients do not see. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

func (c *Config) setDefaults() {
	if c.Forget == nil {
		c.Forget = func(context.Context, string, []string) {}
	}
	c.MaxWaits = cmp.Or(c.MaxWaits, DefaultMaxWaits)
	c.MaxStreams = cmp.Or(c.MaxStreams, defaultMaxStreams)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
}

// API answers the requests. It must be closed.
type API struct {
	cfg     Config
	mux     *http.ServeMux
	metrics *metrics
	hub     *hub
	// streams has a place for each stream, and watches are what some of them are about.
	streams chan struct{}
	watches *watches
	// depths and activity ask the queue.
	depths   *metric.Ask[map[queue.Group]int64]
	activity *metric.Ask[queue.Activity]
	// samples are taken of the depths, by sampling.
	samples  *depthSamples
	sampling sync.WaitGroup
	// closing ends when requests must not be held open any longer.
	closing context.Context
	close   context.CancelFunc
	// origins keeps pages of other origins in a browser on this machine from changing anything: nothing else checks
	// requests that bypass the gateway.
	origins *http.CrossOriginProtection
}

// New returns the handler of everything below /v1, and of /openapi.json and its page. Errors are problem+json (RFC 9457), those of
// other paths and methods too.
func New(cfg Config) (*API, error) {
	cfg.setDefaults()
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	a := &API{cfg: cfg, mux: http.NewServeMux(), metrics: m, hub: newHub(cfg.Notices), origins: http.NewCrossOriginProtection()}
	a.streams, a.watches = make(chan struct{}, cfg.MaxStreams), newWatches(cfg)
	a.depths, a.activity = metric.NewAsk(a.askDepths), metric.NewAsk(a.askActivity)
	a.samples = newDepthSamples(int(keepSamples / sampleEvery))
	a.closing, a.close = context.WithCancel(context.Background())
	if cfg.Queue != nil {
		a.sampling.Go(func() { a.sample(a.closing) })
	}
	for _, r := range a.routes() {
		if cfg.Audit != nil && r.audited() {
			r.answer = a.audited(r.pattern, r.answer)
		}
		a.mux.Handle(r.pattern, a.handle(r.name, r.timeout, asCaller(r.answer)))
	}
	a.mux.Handle("GET /openapi.json", a.handle("openapi", cfg.Timeout, openapi))
	a.mux.Handle("GET /openapi.html", a.handle("openapi", cfg.Timeout, openapiPage))
	return a, nil
}

// Close has requests that are held open answered now, and ends the subscription to notices. Other requests are answered
// as before.
func (a *API) Close() {
	a.close()
	a.hub.close()
	a.sampling.Wait()
}
