package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/botgate/botgate/backend/api"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/backend/console"
	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/urlpath"
)

// Bounds of the server. The API's requests have no bodies to speak of.
const (
	readTimeout    = 10 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
	serverDrain    = 5 * time.Second
	closeListener  = time.Second
)

// bind comes first of all: a taken port is the likeliest mistake, and nothing else has
// to be undone then.
func (a *App) bind(ctx context.Context) error {
	if a.listener == nil {
		if a.settings.Listen == "" {
			return nil
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.settings.Listen)
		if err != nil {
			return listenError(a.settings.Listen, config.EnvListen, err)
		}
		a.listener = l
	}
	a.onStop("listener", closeListener, func(context.Context) error {
		if err := a.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// listenError leaves out what the system's error repeats, and names the option.
func listenError(address, option string, err error) error {
	cause := err
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		cause = op.Err
	}
	if sys := (*os.SyscallError)(nil); errors.As(cause, &sys) {
		cause = sys.Err
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen %s: %w; stop what listens there, or set %s", address, cause, option)
	}
	return fmt.Errorf("listen %s: %w; set %s", address, cause, option)
}

// routes are those of a server that may start before the app: the API answers 503 until it is open.
func (a *App) routes() {
	a.mux.HandleFunc("/healthz", a.health.ServeLive)
	a.mux.HandleFunc("/readyz", a.health.ServeReady)
	a.mux.HandleFunc("/readyz/self", a.health.ServeSelf)
	a.mux.Handle("/metrics", promhttp.InstrumentMetricHandler(a.registry,
		promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{
			ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelError),
			EnableOpenMetrics: true, // The format that has exemplars.
		})))
	if a.ledger != nil && a.settings.Data.RedisURL != "" {
		a.mux.Handle(pull.Path, pull.Handler(a.ledger))
	}
	if !a.settings.Has(config.API) {
		return
	}
	a.mux.HandleFunc("/", a.serveAPI)
	if a.settings.HasConsole() {
		a.mux.HandleFunc(console.Path, a.serveConsole)
		a.mux.HandleFunc(console.Path+"/", a.serveConsole)
	}
}

func (a *App) serveAPI(w http.ResponseWriter, r *http.Request) {
	if opened := a.api.Load(); opened != nil {
		opened.ServeHTTP(w, r)
		return
	}
	api.Unavailable(w)
}

// answer is the handler of all requests. The mux would clean a path that is not clear, and redirect; the API refuses it.
func (a *App) answer(w http.ResponseWriter, r *http.Request) {
	if a.settings.Has(config.API) && !urlpath.Clear(r.URL.EscapedPath()) {
		a.serveAPI(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// openAPI ties the API to what the app has opened by now.
func (a *App) openAPI(context.Context) error {
	if !a.settings.Has(config.API) {
		return nil
	}
	opened, err := api.New(api.Config{
		Reader: a.reader, Retry: a.retrier, Cancel: a.canceller(), Sessions: a.sessions, Jobs: a.jobs, Eraser: a.store, Forget: a.forget,
		Queue: a.waiting, Bots: a.knownBots(), System: a.system(), Audit: a.audit, Refusals: a.refusals, Pauses: a.apiPauses(), Pull: a.apiPull(), PullUses: a.pullUses(), Limits: a.apiLimits(),
		Notices: a.bus, Tracer: a.tracer, Logger: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	a.api.Store(opened)
	return nil
}

// serve answers on the listener until the app stops.
func (a *App) serve(ctx context.Context) error {
	if a.listener == nil {
		return nil
	}
	if a.door.file != "" {
		followed, err := a.door.follow()
		if err != nil {
			return err
		}
		a.onStop("secret of the API", closeListener, func(context.Context) error { return followed.Close() })
	}
	base := context.WithoutCancel(ctx)
	server := &http.Server{
		Handler:           a.door.guard(a.Handler()),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadTimeout:       readTimeout,
		ReadHeaderTimeout: readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("serving %s: %w", a.listener.Addr(), err)
		}
	}()
	a.onStop("listener", serverDrain, func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		<-done
		return err
	})
	return nil
}

// releaseRequests has the requests that the API holds open answered before the listener is drained.
func (a *App) releaseRequests(context.Context) error {
	if opened := a.api.Load(); opened != nil {
		a.onClose("held requests", closeListener, noError(opened.Close))
	}
	return nil
}
