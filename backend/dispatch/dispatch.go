// Package dispatch delivers events to bots: signed HTTP requests, in order for each
// order key, repeated with backoff until the bot has the event or it is dead. What
// happened is published as events.
package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

// Defaults of [Config].
const (
	defaultConcurrency = 64
	defaultPrefetch    = 512
)

const (
	// MaxDrain bounds [Dispatcher.Drain].
	MaxDrain = 25 * time.Second
	// Grace is how long outcomes that are known when the drain time is over may still
	// take to be published and settled.
	Grace = 2 * time.Second

	// heldPerRequest is how many deliveries are held at least for each request that may
	// run: while some wait for their bot, others wait for the queue to take what
	// happened, and the more of them wait at once, the more share a commit.
	heldPerRequest = 8
	// botShare is the part of all requests, one in so many, that one of several bots may take.
	botShare = 4
)

// Queue is what dispatch asks of a queue.
type Queue interface {
	Publish(ctx context.Context, events ...*event.Event) error
	Subscribe(ctx context.Context, group queue.Group, opts queue.SubscribeOptions) (queue.Consumer, error)
}

// Config is what a Dispatcher is made of.
type Config struct {
	// Queue is consumed, and takes what happened. Required.
	Queue Queue
	// Bots are the bots to deliver to. Events for others become dead letters. Required.
	Bots bots.Set
	// Concurrency is how many requests run at once, all bots together. Default 64.
	Concurrency int
	// BotConcurrency is how many of them may go to one bot, so that a bot that hangs
	// leaves requests for the others; several that hang can still take all of them until
	// their timeouts. Default: a quarter of Concurrency and at least 1, or, for a bot
	// that is the only one, all of it.
	BotConcurrency int
	// Prefetch bounds the deliveries held in memory, those that wait for their bot, for
	// a retry or for their predecessor included; see [queue.SubscribeOptions]. A bot
	// that hangs and has more than that waiting still holds up the others, since what
	// the queue has handed out can't be given back untried. Default 512, or 8 for each
	// request where that is more.
	Prefetch int
	// Logger gets what needs an operator. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Dispatcher is the role dispatch.
type Dispatcher struct {
	cfg     Config
	targets map[string]*target
	drain   time.Duration
	client  *http.Client
	slots   *semaphore.Weighted // Bounds the requests to all bots.
	metrics *metrics
	log     *slog.Logger
	trouble atomic.Pointer[error]
}

var errNotRunning = errors.New("dispatch is not consuming")

// New checks the configuration. An error names the bot whose settings don't do.
func New(cfg Config) (*Dispatcher, error) {
	cfg.setDefaults()
	targets, err := newTargets(cfg.Bots)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		t.slots = semaphore.NewWeighted(int64(cfg.BotConcurrency))
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	d := &Dispatcher{
		cfg:     cfg,
		targets: targets,
		drain:   drainOf(targets),
		client:  newClient(cfg.Concurrency),
		slots:   semaphore.NewWeighted(int64(cfg.Concurrency)),
		metrics: m,
		log:     cfg.Logger,
	}
	d.trouble.Store(&errNotRunning)
	return d, nil
}

func (c *Config) setDefaults() {
	setDefault(&c.Concurrency, defaultConcurrency)
	share := max(1, c.Concurrency/botShare)
	if len(c.Bots) == 1 {
		share = c.Concurrency
	}
	setDefault(&c.BotConcurrency, share)
	setDefault(&c.Prefetch, max(defaultPrefetch, heldPerRequest*c.Concurrency))
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func setDefault(field *int, value int) {
	if *field <= 0 {
		*field = value
	}
}

// Drain is how long attempts under way may go on once the context of Run ends: as long as the
// slowest bot may take, but at most [MaxDrain]. Attempts that are cut off then are not
// counted as failures of the bot.
func (d *Dispatcher) Drain() time.Duration { return d.drain }

// Healthy returns nil while events are consumed and the queue takes what happened.
func (d *Dispatcher) Healthy() error {
	if err := d.trouble.Load(); err != nil {
		return *err
	}
	return nil
}
