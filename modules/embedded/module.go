// Package embedded is the app that runs the backend inside the gateway's process, so
// that one process does everything. It is the only module that knows the backend.
package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/backend/config"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/modules/internal/gateway"
	"github.com/botgate/botgate/modules/internal/refusals"
)

// stopTimeout bounds the backend's stop, in which running deliveries may finish; its
// steps have shorter bounds of their own.
const stopTimeout = 75 * time.Second

// noRoles as the only role switches the embedded backend off.
const noRoles = "none"

func init() {
	caddy.RegisterModule(&Backend{})
}

// Backend runs the backend's roles in this process, on the botgate app's queue. During a
// reload the old and the new one run side by side for a moment and share the queue as
// two processes would.
type Backend struct {
	// Options are the settings of docs/reference/settings.md that have a name in
	// botgate_embedded, such as roles, database, listen and retention. They are members of the
	// app itself: {"roles": ["record", "api"], "database_pool": 20}. Empty values are the defaults.
	Options map[string]Value `json:"-"`

	settings config.Config
	shared   botgateApp
	logger   *slog.Logger
	backend  *app.App
	context  caddy.Context
	release  func() error
	stopped  chan struct{}
	watched  chan struct{}
	warned   sync.Once
}

// botgateApp is what the backend needs of the botgate app.
type botgateApp interface {
	// Hold returns the shared queue, which stays open until release is called.
	Hold() (q queue.Queue, release func() error, err error)
	Settings() gateway.Settings
	// Refusals reaches the limits of the gateway.
	Refusals() *refusals.Tally
	// Tracer returns nil where the environment asks for no traces.
	Tracer() trace.Tracer
	// Claim has an address for this process alone.
	Claim(address, option string) error
}

// CaddyModule returns the Caddy module information.
func (*Backend) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate_embedded", New: func() caddy.Module { return new(Backend) }}
}

// Provision reads the settings; it opens and starts nothing.
func (b *Backend) Provision(ctx caddy.Context) error {
	b.context, b.logger = ctx, ctx.Slogger() // The backend adds what its contexts know.
	found, err := ctx.App("botgate")
	if err != nil {
		return fmt.Errorf("botgate_embedded: %w", err)
	}
	b.shared = found.(botgateApp)
	settings := b.shared.Settings()
	b.settings = config.Default()
	b.settings.QueueURL = settings.QueueURL
	b.settings.BlobURL, b.settings.BlobRetention = settings.BlobURL, settings.BlobRetention
	b.settings.Data.RedisURL = settings.RedisURL
	b.settings.APISecretFile = settings.APISecretFile
	b.settings.DatabaseURL = "sqlite:" + filepath.Join(settings.Data, "events.db")
	if settings.BotsFile != "" {
		b.settings.BotsFile = settings.BotsFile
	}
	if err := b.setOptions(); err != nil {
		return err
	}
	b.settings.Listen, err = hostPort(b.settings.Listen)
	return err
}

// MarshalJSON implements [json.Marshaler].
func (b *Backend) MarshalJSON() ([]byte, error) { return json.Marshal(b.Options) }

// UnmarshalJSON implements [json.Unmarshaler].
func (b *Backend) UnmarshalJSON(raw []byte) error { return json.Unmarshal(raw, &b.Options) }

// hostPort checks the option listen, which takes one TCP address.
func hostPort(listen string) (string, error) {
	address, err := caddy.ParseNetworkAddressWithDefaults(listen, "tcp", 0)
	if err != nil || address.Network != "tcp" || address.PortRangeSize() != 1 || address.StartPort == 0 {
		return "", fmt.Errorf("botgate_embedded: option listen: %q is not an address like 127.0.0.1:8081 "+
			"(BOTGATE_API_LISTEN in the shipped Caddyfile)", listen)
	}
	return address.JoinHostPort(0), nil
}

// Validate checks the settings and the bots file.
func (b *Backend) Validate() error {
	if b.off() {
		return nil
	}
	if _, err := app.New(app.Config{Settings: b.settings}); err != nil {
		return fmt.Errorf("botgate_embedded: %w", err)
	}
	return nil
}

// Start starts the backend.
func (b *Backend) Start() error {
	if b.off() {
		return nil
	}
	if err := b.shared.Claim(b.settings.Listen, "BOTGATE_API_LISTEN"); err != nil {
		return fmt.Errorf("botgate_embedded: option listen: %w", err)
	}
	listener, err := b.listen()
	if err != nil {
		return err
	}
	q, leave, err := b.shared.Hold()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ledger, forget, err := holdLedger(b.settings.QueueURL)
	if err != nil {
		return errors.Join(err, listener.Close(), leave())
	}
	release := func() error { return errors.Join(leave(), forget()) }
	backend, err := app.New(app.Config{
		Settings: b.settings, Queue: q, Listener: listener, Ledger: ledger, Limits: b.shared.Refusals(),
		Drains: func() bool { return !caddy.Exiting() }, // The way to pollers is closed then, but not at a reload.
		Tracer: b.shared.Tracer(), Logger: b.logger,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("botgate_embedded: %w", err), listener.Close(), release())
	}
	// From here on the listener is the backend's.
	if err := backend.Start(b.context); err != nil {
		return errors.Join(fmt.Errorf("botgate_embedded: %w", err), release())
	}
	b.backend, b.release, b.stopped, b.watched = backend, release, make(chan struct{}), make(chan struct{})
	go b.watch()
	return nil
}

// watch reports when the backend stops serving its API, until the backend is stopped.
func (b *Backend) watch() {
	defer close(b.watched)
	select {
	case err := <-b.backend.Failed():
		b.logger.Error("backend does not serve its API any more", slog.Any("error", err))
	case <-b.stopped:
	}
}

// listen takes the address through Caddy, which lets the old and the new configuration
// share it during a reload.
func (b *Backend) listen() (net.Listener, error) {
	address, err := caddy.ParseNetworkAddress(b.settings.Listen)
	if err != nil {
		return nil, fmt.Errorf("botgate_embedded: option listen: %w", err)
	}
	opened, err := address.Listen(b.context, 0, net.ListenConfig{})
	if err != nil {
		return nil, fmt.Errorf("botgate_embedded: option listen: %w", err)
	}
	return opened.(net.Listener), nil
}

// Stop does nothing: the gateway's requests may still need the API, and Caddy stops apps in no order.
func (b *Backend) Stop() error { return nil }

// Cleanup stops the backend, after the gateway's listeners are closed; deliveries under way may finish.
func (b *Backend) Cleanup() error {
	if b.backend == nil {
		return nil
	}
	close(b.stopped)
	<-b.watched
	// The configuration's context has ended by now or is about to.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.context), stopTimeout)
	defer cancel()
	err := errors.Join(b.backend.Stop(ctx), b.release())
	b.backend = nil
	return err
}

func (b *Backend) off() bool { return b.Options["roles"] == noRoles }

// Interface guards.
var (
	_ caddy.App          = (*Backend)(nil)
	_ caddy.Provisioner  = (*Backend)(nil)
	_ caddy.Validator    = (*Backend)(nil)
	_ caddy.CleanerUpper = (*Backend)(nil)
)
