package botgate

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/bots"
	queueopen "github.com/botgate/botgate/internal/queue/open"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/reload"
	"github.com/botgate/botgate/internal/tracing"
	"github.com/botgate/botgate/modules/internal/gateway"
	"github.com/botgate/botgate/modules/internal/order"
	"github.com/botgate/botgate/modules/internal/placeholder"
	"github.com/botgate/botgate/modules/internal/refusals"
	"github.com/botgate/botgate/modules/internal/requestlog"
	"github.com/botgate/botgate/modules/internal/unverified"
)

// defaultData is the folder of the embedded engines where none is configured.
const defaultData = "data"

// queueFile is the embedded queue's file in the data folder.
const queueFile = "queue.db"

// defaultQueueSize is the default of [App.QueueMaxSize].
const defaultQueueSize = 10_000_000_000

func init() {
	caddy.RegisterModule(&App{})
}

// App holds what the handlers share: the clients of Redis and the queue, and the names of
// the bots. Handlers reach it with ctx.App("botgate"). Clients are kept across reloads
// for as long as their addresses stay the same.
type App struct {
	// RedisURL is the address of Redis: redis://, rediss://, redis+cluster:// or
	// redis+sentinel://. Empty keeps limits in this process.
	RedisURL string `json:"redis,omitempty"`

	// Data is the folder of the embedded engines' files. Default: data.
	Data string `json:"data,omitempty"`

	// QueueURL is the address of the queue: sqlite:<path>, amqp:// or amqps://, with
	// several hosts separated by commas. Default: sqlite:<data>/queue.db.
	QueueURL string `json:"queue,omitempty"`

	// QueueMaxSize bounds the file of the embedded queue beside its history, in bytes: beyond it
	// events are refused with 503 until some were delivered. Default: 10 GB.
	QueueMaxSize int64 `json:"queue_max_size,omitempty"`

	// OnBrokerError says what becomes of an event that RabbitMQ does not confirm in time:
	// "spool" keeps it in a file until RabbitMQ takes it, "reject" answers 503. The embedded
	// queue needs no spool and has none. Default: spool.
	OnBrokerError string `json:"on_broker_error,omitempty"`

	// Spool says where and how much is spooled.
	Spool Spool `json:"spool,omitzero"`

	// History is what the queue keeps to be replayed: an age and a size such as
	// "7d 1GiB", or "off". Default: "auto", which is 7d 1GiB on the embedded queue, and leaves
	// RabbitMQ's as it is.
	History string `json:"history,omitempty"`

	// Blob says where large bodies are kept.
	Blob Blob `json:"blob,omitzero"`

	// Bots are names of bots that events are accepted for.
	Bots []string `json:"bots,omitempty"`

	// BotsFile is the path of a bots file whose names are added to Bots. The gateway
	// reads only the names in it, and how many queues each bot has. Changes of it are followed.
	BotsFile string `json:"bots_file,omitempty"`

	// MaxUnverifiedBytes bounds what request bodies take together, in bytes, before it is known who
	// sends them, less the first 16 KB of each. An address has at most as much of it as it leaves free;
	// above, the answer is 503. Default: 64 MB.
	MaxUnverifiedBytes int64 `json:"max_unverified,omitempty"`

	// APISecretFile is the path of a file whose first line, at least 16 bytes, is what bot_api
	// shows to the backend. Required where the backend's API is not on loopback. Default: none.
	APISecretFile string `json:"api_secret_file,omitempty"`

	// Handover lets this process listen where another one does, to take over from it. Otherwise that
	// is an error, since both would answer by chance.
	Handover bool `json:"handover,omitempty"`

	logger *slog.Logger
	file   *reload.Value[bots.InboundSet] // Nil without a bots file.
	redis  *redisclient.Pipe
	// tracer is nil where the environment asks for no traces; see endTracing.
	tracer     trace.Tracer
	messaging  *tracing.Messaging
	refusals   *refusals.Tally
	endTracing func() error
	// verifyOrder looks at the routes of the configuration.
	verifyOrder func() error
	// claimPorts claims what the configuration listens on, and claims are how to release that.
	claimPorts func() error
	claims     []func() error

	opened atomic.Pointer[opened]
	// opening guards released and what opens.
	opening  sync.Mutex
	released bool
}

// CaddyModule returns the Caddy module information.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "botgate", New: func() caddy.Module { return new(App) }}
}

// Provision reads the bots' names and acquires the shared clients. It dials nothing.
func (a *App) Provision(ctx caddy.Context) error {
	a.verifyOrder = func() error { return order.VerifyStarted(ctx) }
	a.logger = requestlog.Logger(ctx)
	a.claimPorts = func() error { return a.claimAll(ctx) }
	if err := errors.Join(verifyBind(), a.expand()); err != nil {
		return err
	}
	if err := a.provisionBots(); err != nil {
		return err
	}
	if a.Data == "" {
		a.Data = defaultData
	}
	if a.QueueURL == "" {
		a.QueueURL = "sqlite:" + filepath.Join(a.Data, queueFile)
	}
	if a.QueueMaxSize < 0 {
		return errors.New("option queue: max_size must be positive")
	}
	a.QueueMaxSize = cmp.Or(a.QueueMaxSize, defaultQueueSize)
	if a.MaxUnverifiedBytes < 0 {
		return errors.New("option max_unverified: must be positive")
	}
	if err := a.provisionBlob(); err != nil {
		return err
	}
	if err := queueopen.Check(a.QueueURL); err != nil {
		return fmt.Errorf("option queue: %w", err)
	}
	if err := queueopen.CheckHistory(a.History); err != nil {
		return fmt.Errorf("option history: %w", err)
	}
	if err := a.provisionSpool(); err != nil {
		return err
	}
	if err := a.registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	if err := a.startTracing(); err != nil {
		return err
	}
	// The count goes on over a reload.
	a.refusals, _ = refusalsPool.Acquire(struct{}{}, func() (*refusals.Tally, error) { return refusals.NewTally(), nil })
	return a.acquireRedis()
}

// expand replaces the placeholders of addresses, paths and names. What is not set stays so: the embedded
// engines are used then.
func (a *App) expand() error {
	return errors.Join(
		placeholder.ExpandAll("bots", a.Bots),
		placeholder.ExpandAddress("redis", &a.RedisURL),
		placeholder.ExpandAddress("data", &a.Data),
		placeholder.ExpandAddress("queue", &a.QueueURL),
		placeholder.ExpandAddress("spool", &a.Spool.Path),
		placeholder.ExpandAddress("history", &a.History),
		placeholder.ExpandAddress("blob", &a.Blob.URL),
		placeholder.ExpandAddress("bots_file", &a.BotsFile),
		placeholder.ExpandAddress("api_secret_file", &a.APISecretFile),
	)
}

// Start sees to it that no other process listens where this one does, and opens the queue and its
// spool, so that one that can't be opened fails the start. A
// RabbitMQ that is not there yet is no failure.
func (a *App) Start() error {
	if err := a.verifyOrder(); err != nil {
		return err
	}
	if err := a.claimPorts(); err != nil {
		return err
	}
	a.warnOfLeftovers()
	_, err := a.Queue()
	return err
}

// warnOfLeftovers reminds of an embedded queue that nobody consumes any more, since
// another one was configured: accepted events can still be in it.
func (a *App) warnOfLeftovers() {
	path := filepath.Join(a.Data, queueFile)
	if _, err := os.Stat(path); err != nil || strings.HasPrefix(a.QueueURL, "sqlite:") {
		return
	}
	a.logger.Warn("an embedded queue is there but another one is configured: "+
		"deliver what is in it with a botgate-backend that has its address, then remove it",
		slog.String("file", path), slog.String("address", "sqlite:"+path))
}

// Stop does nothing: the clients are released in Cleanup, after the handlers are done.
func (a *App) Stop() error { return nil }

// Cleanup releases the shared clients. Requests that began under this configuration may
// still run during a reload, so the clients stay reachable; they work on while another
// configuration holds them.
func (a *App) Cleanup() error {
	a.opening.Lock()
	defer a.opening.Unlock()
	if a.released {
		return nil
	}
	a.released = true
	var errs []error
	if a.file != nil {
		errs = append(errs, a.file.Close())
	}
	switch {
	case a.opened.Load() != nil:
		errs = append(errs, a.drop()) // It ends tracing too.
	case a.endTracing != nil:
		errs = append(errs, a.endTracing())
	}
	if a.refusals != nil {
		errs = append(errs, refusalsPool.Release(struct{}{}))
	}
	if a.redis != nil {
		errs = append(errs, redisPool.Release(a.RedisURL))
	}
	for _, release := range a.claims {
		errs = append(errs, release())
	}
	return errors.Join(errs...)
}

// Settings returns the settings, with defaults filled in.
func (a *App) Settings() gateway.Settings {
	return gateway.Settings{
		QueueURL: a.QueueURL, RedisURL: a.RedisURL, Data: a.Data, BotsFile: a.BotsFile,
		BlobURL: a.Blob.URL, BlobRetention: a.Blob.retention(), APISecretFile: a.APISecretFile,
	}
}

// MaxUnverified is how many bytes the bodies of unknown senders may take together.
func (a *App) MaxUnverified() int64 { return cmp.Or(a.MaxUnverifiedBytes, unverified.DefaultLimit) }

// Refusals counts what the handlers refuse.
func (a *App) Refusals() *refusals.Tally { return a.refusals }

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
