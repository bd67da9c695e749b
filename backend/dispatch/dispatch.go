// Package dispatch delivers events to bots: signed HTTP requests, in order for each
// order key, repeated with backoff until the bot has the event or it is dead. What
// happened is published as events.
package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/tracing"
)

// Defaults of [Config].
const (
	// DefaultConcurrency is the default of [Config.Concurrency].
	DefaultConcurrency = 64
	// BotShare is the part of all requests, one in so many, that one of several bots may take.
	BotShare = 4
	// defaultHeld is what is held of all bots together, and maxHeld and minHeld bound the part of each.
	defaultHeld = 4096
	maxHeld     = 256
	minHeld     = 16
)

const (
	// MaxDrain bounds for how long attempts under way go on once the context of [Dispatcher.Run] ended.
	MaxDrain = 25 * time.Second
	// Grace is how long outcomes that are known when the drain time is over may still
	// take to be published and settled.
	Grace = 2 * time.Second

	// heldPerRequest is how many deliveries are held for each request that may run, if there is
	// room: while some wait for their bot, others wait for the queue to take what
	// happened, and the more of them wait at once, the more share a commit.
	heldPerRequest = 8
)

// Queue is what dispatch asks of a queue.
type Queue interface {
	Publish(ctx context.Context, events ...*event.Event) error
	PublishTo(ctx context.Context, group queue.Group, e *event.Event) error
	Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error)
	// Ready returns nil when a Publish can be expected to succeed; no attempt begins before.
	Ready(ctx context.Context) error
}

// Config is what a Dispatcher is made of.
type Config struct {
	// Queue is consumed, and takes what happened. Required.
	Queue Queue
	// Bots are the bots to deliver to, until [Dispatcher.SetBots]. Events for others wait, and die in the end.
	// Required.
	Bots bots.Set
	// Concurrency is how many requests run at once, all bots together; beyond that each bot may
	// have one. Default 64.
	Concurrency int
	// BotConcurrency is how many of them may go to one bot; where there are several, it also gets
	// no more than are left for the others. Default: a quarter of Concurrency and at least 1, or,
	// for a bot that is the only one, all of it.
	BotConcurrency int
	// Prefetch bounds the deliveries of each bot that are held in memory, those that wait for
	// the bot, for a retry or for their predecessor included; see [queue.SubscribeOptions]. So a
	// bot that is down or hangs holds up no other one. Default: the part of each bot of 4096, but
	// between 16 and 256, or 8 for each request to the bot that may run where that is more. Where
	// processes share the bots, each of those that this one has gets more, up to that bound.
	Prefetch int
	// Ledger has what waits for bots that pull. Default: one that nobody asks.
	Ledger *pull.Ledger
	// SlowBot is how long a bot may take to answer that is not in the log. Default: none is.
	SlowBot time.Duration
	// AnswersURL is where late answers go in the place of the platforms, in tests. Default: to the platforms.
	AnswersURL string
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Messaging makes the spans of attempts. Default: none.
	Messaging *tracing.Messaging
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Dispatcher is the role dispatch.
type Dispatcher struct {
	cfg     Config
	fleet   atomic.Pointer[fleet]
	clients clients
	poster  poster
	slots   *slots
	holds   *holds
	loans   *loans
	deaths  *deaths
	metrics *metrics
	log     *slog.Logger
	trouble atomic.Pointer[error]
	unknown rate.Sometimes // For the log, of events of unknown bots.

	// mu is held by whoever changes the fleet, or the consumer that is to follow it.
	mu       sync.Mutex
	consumer queue.Consumer // Nil while Run does not consume.
}

var errNotRunning = errors.New("dispatch is not consuming")

// New checks the configuration. An error names the bot whose settings don't do.
func New(cfg Config) (*Dispatcher, error) {
	cfg.setDefaults()
	h := newHolds(cfg.Logger)
	d := &Dispatcher{
		cfg:     cfg,
		clients: newClients(cfg.Concurrency),
		slots:   &slots{total: cfg.Concurrency, slow: cfg.SlowBot, log: cfg.Logger, probing: retry.NewWake()},
		holds:   h,
		loans:   newLoans(),
		deaths:  newDeaths(cfg.Logger),
		log:     cfg.Logger,
		unknown: rate.Sometimes{First: 1, Interval: unknownEvery},
	}
	var err error
	if d.poster, err = newPoster(cfg.AnswersURL); err != nil {
		return nil, err
	}
	names := func() []string { return d.fleet.Load().bots.Names() }
	if d.metrics, err = newMetrics(cfg.Registerer, newHeldKeys(h, names), pull.Collector(cfg.Ledger)); err != nil {
		return nil, err
	}
	d.metrics.total.Set(float64(cfg.Concurrency))
	if err := d.SetBots(cfg.Bots); err != nil {
		return nil, err
	}
	d.trouble.Store(&errNotRunning)
	return d, nil
}

func (c *Config) setDefaults() {
	setDefault(&c.Concurrency, DefaultConcurrency)
	if c.Ledger == nil {
		c.Ledger = pull.NewLedger()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func setDefault(field *int, value int) {
	if *field <= 0 {
		*field = value
	}
}

// drain is how long attempts under way may go on once the context of Run ends: as long as the
// slowest bot may take, but at most [MaxDrain]. Attempts that are cut off then are not
// counted as failures of the bot.
func (d *Dispatcher) drain() time.Duration { return drainOf(d.fleet.Load().targets) }

// retryNow has a bot tried now, whenever it wanted to be asked again.
func (d *Dispatcher) retryNow(bot string) {
	if t := d.target(bot); t != nil {
		d.log.Info("bot is tried now, as somebody asked for", "bot", bot)
		d.slots.probeNow(t.gate)
	}
}

// Healthy returns nil while events are consumed and the queue takes what happened.
func (d *Dispatcher) Healthy() error {
	if err := d.trouble.Load(); err != nil {
		return *err
	}
	return nil
}
