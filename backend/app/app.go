// Package app is the backend's composition root: it ties queue, store, roles and HTTP
// together, starts them in order and stops them in the reverse one.
package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/audit"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/console"
	"github.com/botgate/botgate/backend/dispatch"
	"github.com/botgate/botgate/backend/health"
	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/notify"
	"github.com/botgate/botgate/backend/pause"
	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/backend/refusal"
	"github.com/botgate/botgate/backend/schedule/cron"
	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store/sharded"
	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/internal/version"
)

// stopTimeout bounds Stop as called by Run: as long as all steps together may take. The
// store is closed after its schema migration has ended.
const stopTimeout = serverDrain + maxStopDispatch + stopRecord + stopJobs + closeQueue + closeSpool + stopSweeper + closeBots + closeShards +
	stopReconcile + stopSchedule + stopCron + closeTimed + stopRetention + stopSessions + stopPull + stopDirectory + 6*closeStore + 4*closeShared + 4*closeListener

var errNotStarted = errors.New("not started")

// Config is what an App is made of.
type Config struct {
	// Settings say which engines, roles and address to use. Required; an empty Listen
	// listens nowhere.
	Settings config.Config
	// Queue is used instead of Settings.QueueURL when set. The app does not close it.
	Queue queue.Queue
	// Listener is served instead of Settings.Listen when set. Stop closes it.
	Listener net.Listener
	// Started is called by Run once the app has started, with its service manager in mind. Default: none.
	Started func()
	// Limits are the rate limits, where the gateway is in this process. Default: through Redis, where there is one.
	Limits api.Limits
	// Ledger has what waits for bots that pull, where processes of their own follow each other in one. Default: a new one.
	Ledger *pull.Ledger
	// Drains reports whether a stop waits for pollers to settle what they have: not where they can't any more. Default: it
	// does.
	Drains func() bool
	// Tracer is what spans are made with. Default: none are.
	Tracer trace.Tracer
	// Logger gets everything worth telling. Default: discard.
	Logger *slog.Logger
	// Registry gets the metrics and is what /metrics shows; two apps can't share one.
	// Default: a new one, with the metrics of the Go runtime and of the process.
	Registry *prometheus.Registry
}

// App is a backend. Make one with [New]; then either [App.Run], or [App.Start] and [App.Stop].
type App struct {
	settings config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	health   *health.Registry
	bots     fleet
	mux      *http.ServeMux
	api      atomic.Pointer[api.API] // Nil until it is open.
	console  atomic.Pointer[console.Console]
	failed   chan error
	started  func()
	drains   func() bool
	begun    time.Time
	tracer   trace.Tracer // Nil for none.
	// messaging makes the spans of the queue; nil for none.
	messaging *tracing.Messaging

	// Set by Start; the listener and the queue by New when they were given to it.
	listener net.Listener
	door     *door
	// consoleSecret and oidcSecret are read by New.
	consoleSecret, oidcSecret []byte
	queue                     queue.Queue
	outcomes                  dispatch.Queue        // The queue as dispatch has it; see openOutcomes.
	redis                     redis.UniversalClient // Nil without one.
	bus                       notify.Bus
	shards                    sharded.Map // Those of the store.
	store                     *sharded.Store
	sessions                  *session.Sessions
	reader                    api.Reader
	// forget has the cache forget an erased user; nil without a cache.
	forget  func(ctx context.Context, user string, ids []string)
	retrier api.Retrier
	waiting api.Queue
	audit   *audit.Log
	// pauses are those of bots; nil where this process can't reach those who deliver.
	pauses *pause.Pauses
	limits api.Limits // Nil where they are out of reach.
	// ledger has what waits here for bots that pull; nil without the role dispatch. directory has those of other processes,
	// too; nil without Redis.
	ledger    *pull.Ledger
	directory *pull.Directory
	// refusals are what gateways refused; nil without the roles for it.
	refusals *refusal.Log
	jobs     *job.Jobs // Nil without the roles for it.
	// jobsReady returns nil when their table is there.
	jobsReady func(context.Context) error
	// scheduled returns nil while what is due is handed over; nil without the role for it.
	scheduled func() error
	cron      *cron.Scheduler // Nil without the role for it.

	mu    sync.Mutex
	steps []step // What Stop has to undo, in the order of starting.
}

// New checks the settings and reads the bots file and the shards file. It opens, dials and starts nothing,
// so it also serves to validate a configuration.
func New(cfg Config) (*App, error) {
	if err := cfg.Settings.Validate(); err != nil {
		return nil, err
	}
	a := &App{
		settings: cfg.Settings,
		log:      cfg.Logger,
		registry: cfg.Registry,
		mux:      http.NewServeMux(),
		failed:   make(chan error, 1),
		started:  cfg.Started,
		drains:   cfg.Drains,
		begun:    time.Now(),
		listener: cfg.Listener,
		queue:    cfg.Queue,
		tracer:   cfg.Tracer,

		limits:    cfg.Limits,
		messaging: tracing.NewMessaging(cfg.Tracer, cfg.Settings.QueueURL),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.log = logcontext.Logger(a.log, tracing.LogAttrs)
	if a.registry == nil {
		a.registry = prometheus.NewRegistry()
		a.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		if err := metric.RegisterRuntime(a.registry); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(metric.Register(a.registry, "the build", version.Collector()),
		metric.Register(a.registry, "the traces", tracing.Collectors()...)); err != nil {
		return nil, err
	}
	a.health = health.New(health.Config{Logger: a.log})
	for _, name := range a.parts() {
		a.health.Add(name, func(context.Context) error { return errNotStarted })
	}
	if err := a.loadBots(); err != nil {
		return nil, err
	}
	var err error
	if a.door, err = newDoor(a.settings, a.log); err != nil {
		return nil, err
	}
	if err := a.readConsoleSecrets(); err != nil {
		return nil, err
	}
	if a.needsStore() {
		if _, err := shardMap(a.settings); err != nil {
			return nil, err
		}
	}
	if a.settings.Has(config.Dispatch) {
		a.ledger = cmp.Or(cfg.Ledger, pull.NewLedger())
	}
	a.routes()
	return a, nil
}

// Run starts the app, waits until ctx ends or the listener fails, and stops the app: it is not ready
// from the end of ctx on, works on for the shutdown delay, and stops then.
func (a *App) Run(ctx context.Context) error {
	if err := a.Start(ctx); err != nil {
		return err
	}
	if a.started != nil {
		a.started()
	}
	var failure error
	select {
	case <-ctx.Done():
		failure = a.leave()
	case failure = <-a.Failed():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(failure, a.Stop(stopping))
}

// leave waits for the shutdown delay, in which the app works and is not ready.
func (a *App) leave() error {
	a.health.Stop()
	if a.settings.ShutdownDelay == 0 {
		return nil
	}
	a.log.Info("not ready any more; stopping after the shutdown delay", "delay", a.settings.ShutdownDelay)
	select {
	case <-time.After(a.settings.ShutdownDelay):
		return nil
	case failure := <-a.Failed():
		return failure
	}
}

// Failed receives an error when the listener fails after the start; the app is to be
// stopped then. Run watches it itself.
func (a *App) Failed() <-chan error { return a.failed }

// Handler answers the API, /healthz, /readyz and /metrics; for those who serve them on
// a listener of their own. Until the app has started it is not ready and queries get 503.
func (a *App) Handler() http.Handler { return http.HandlerFunc(a.answer) }

// Ready returns nil when every role can do its work, or what keeps it from that.
func (a *App) Ready(ctx context.Context) error { return a.health.Ready(ctx) }

// Addr is the address that the app listens on; nil when it listens nowhere.
func (a *App) Addr() net.Addr {
	if a.listener == nil {
		return nil
	}
	return a.listener.Addr()
}
