package notify

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/breaker"
)

const (
	// defaultChannel is the default of [RedisConfig.Channel].
	defaultChannel = "botgate:notices"
	// defaultTimeout is the default of [RedisConfig.Timeout].
	defaultTimeout = time.Second
	// startTimeout bounds how long [NewRedis] waits for its subscription.
	startTimeout = 2 * time.Second
)

// RedisConfig is what a Redis bus is made of.
type RedisConfig struct {
	// Client is the Redis that all processes share. It must honour the deadlines of contexts
	// and is not closed. Required.
	Client redis.UniversalClient
	// Channel is where the notices travel: the same for all processes of an installation.
	// Default "botgate:notices".
	Channel string
	// Timeout is how long Publish may wait for Redis. Default 1 second.
	Timeout time.Duration
	// Logger hears when Redis stops and starts to take notices. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Redis is a [Bus] between processes, over one channel of Redis. It must be closed.
//
// Pub/sub forgets: what is published while a subscription is broken, or can't be published,
// is gone. Subscribers hear of each such gap once it is over.
type Redis struct {
	cfg     RedisConfig
	local   *Local
	self    string
	breaker *breaker.Breaker
	// owed wakes the goroutine that tells the others of what they missed.
	owed    chan struct{}
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// NewRedis starts a bus, and waits up to 2 seconds until it hears the others. Without
// Redis it goes on, and subscribers are told of a loss when Redis answers. It fails when
// the metrics are registered already.
func NewRedis(ctx context.Context, cfg RedisConfig) (*Redis, error) { //nolint:contextcheck // the bus ends with Close
	if cfg.Channel == "" {
		cfg.Channel = defaultChannel
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	self, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("naming this process on the bus: %w", err)
	}
	r := &Redis{cfg: cfg, local: newLocal(m), self: self.String(), owed: make(chan struct{}, 1)}
	r.breaker = breaker.New(r.tell)
	work, stop := context.WithCancel(context.Background())
	r.stop = stop
	l := listener{client: cfg.Client, channel: cfg.Channel, hear: r.hear, subscribed: make(chan struct{}, 1)}
	r.workers.Go(func() { l.run(work) })
	r.workers.Go(func() { r.settle(work) })
	r.awaitSubscription(ctx, l.subscribed)
	return r, nil
}

// awaitSubscription sees to it that the first subscription finds nobody yet who might
// have missed anything: a restart must not make caches distrust all that is in Redis.
func (r *Redis) awaitSubscription(ctx context.Context, subscribed <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-subscribed:
	case <-ctx.Done():
	}
}

func (r *Redis) tell(err error) {
	if err != nil {
		r.cfg.Logger.Warn("redis does not take notices, caches of other processes may be out of date up to their time to live",
			slog.Any("error", err))
		return
	}
	r.cfg.Logger.Info("redis takes notices again")
}

// Close ends all subscriptions and what runs in the background, and waits for both.
func (r *Redis) Close() {
	r.stop()
	r.workers.Wait()
	r.local.Close()
}

// Subscribe implements [Bus].
func (r *Redis) Subscribe(s Subscriber) (unsubscribe func()) { return r.local.Subscribe(s) }

// Publish implements [Bus].
func (r *Redis) Publish(ctx context.Context, notices []Notice) {
	if len(notices) == 0 {
		return
	}
	r.local.Publish(ctx, notices)
	messages, err := encode(r.self, notices)
	if err == nil {
		err = r.send(ctx, messages)
	}
	if err != nil {
		r.local.metrics.failed.Add(float64(len(notices)))
		r.owe()
		return
	}
	r.local.metrics.published.Add(float64(len(notices)))
}

// send publishes in one round trip.
func (r *Redis) send(ctx context.Context, messages [][]byte) error {
	// What was committed is to be told also when the process is about to end.
	return r.breaker.Call(context.WithoutCancel(ctx), r.cfg.Timeout, func(ctx context.Context) error {
		if len(messages) == 1 {
			return r.cfg.Client.Publish(ctx, r.cfg.Channel, messages[0]).Err()
		}
		_, err := r.cfg.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, m := range messages {
				p.Publish(ctx, r.cfg.Channel, m)
			}
			return nil
		})
		return err
	})
}

func (r *Redis) owe() {
	select {
	case r.owed <- struct{}{}:
	default:
	}
}

// settle tells the others that they missed something, as soon as Redis takes it.
func (r *Redis) settle(ctx context.Context) {
	message := []byte(`{"from":"` + r.self + `","lost":true}`)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.owed:
		}
		if err := r.send(ctx, [][]byte{message}); err == nil {
			continue
		}
		r.owe()
		select {
		case <-ctx.Done():
		case <-time.After(breaker.ProbeEvery):
		}
	}
}

// hear passes on what came through the channel: a message, or that the subscription
// stands, before which anything may have been missed.
func (r *Redis) hear(text string, subscribed bool) {
	if subscribed {
		r.local.metrics.resubscribed.Inc()
		r.local.Lose()
		return
	}
	m, err := decode(text)
	switch {
	case err != nil:
		// Somebody else's text. Whatever it was to say, nobody relies on it.
		r.local.metrics.remote.Inc()
		r.local.Lose()
		return
	case m.From == r.self:
		return
	case m.Lost:
		r.local.metrics.remote.Inc()
		r.local.Lose()
	}
	r.local.Publish(context.Background(), m.Notices)
}
