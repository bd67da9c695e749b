package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/retry"
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
	// Channel is where notices are published: the same for all processes of an installation.
	// Default "botgate:notices".
	Channel string
	// Timeout is how long Publish may wait for Redis. Default 1 second.
	Timeout time.Duration
	// Logger gets when Redis stops and starts to take notices. Default: discard.
	Logger *slog.Logger
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
}

// Redis is a [Bus] between processes, over one channel of Redis. It must be closed.
//
// Pub/sub forgets: what is published while a subscription is broken, or can't be published,
// is gone. Subscribers learn of each such gap once it is over.
type Redis struct {
	*Local
	cfg     RedisConfig
	self    string
	breaker *breaker.Breaker
	// failed wakes the goroutine that notifies the others of what they missed.
	failed  retry.Wake
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// NewRedis starts a bus, and waits up to 2 seconds for its subscription. Without Redis it
// goes on, and subscribers get a loss when Redis answers. It fails when the metrics are
// registered already.
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
	local, err := NewLocal(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	self, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("naming this process on the bus: %w", err)
	}
	r := &Redis{Local: local, cfg: cfg, self: self.String(), failed: retry.NewWake()}
	r.breaker = breaker.New(breaker.Config{
		Logger: cfg.Logger,
		Effect: "redis takes no notices, caches of other processes may be out of date up to their time to live",
		Probe:  redisclient.Probe(cfg.Client),
	})
	work, stop := context.WithCancel(context.Background())
	r.stop = stop
	l := listener{client: cfg.Client, channel: cfg.Channel, receive: r.receive, subscribed: retry.NewWake()}
	r.workers.Go(func() { l.run(work) })
	r.workers.Go(func() { r.publishLosses(work) })
	// The first subscription must find nobody yet who might have missed anything: a restart must
	// not make caches distrust all that is in Redis.
	retry.Wait(ctx, l.subscribed, startTimeout)
	return r, nil
}

// Close ends all subscriptions and what runs in the background, and waits for both.
func (r *Redis) Close() {
	r.stop()
	r.workers.Wait()
	r.breaker.Close()
	r.Local.Close()
}

// Publish implements [Bus].
func (r *Redis) Publish(ctx context.Context, notices []Notice) {
	if len(notices) == 0 {
		return
	}
	r.Local.Publish(ctx, notices)
	messages, err := encode(r.self, notices)
	if err == nil {
		err = r.send(ctx, messages)
	}
	if err != nil {
		r.metrics.failed.Add(float64(len(notices)))
		r.failed.Signal()
		return
	}
	r.metrics.published.Add(float64(len(notices)))
}

// send publishes in one round trip.
func (r *Redis) send(ctx context.Context, messages [][]byte) error {
	// What was committed is published also when the process is about to end.
	return r.breaker.Call(context.WithoutCancel(ctx), r.cfg.Timeout, func(ctx context.Context) error {
		_, err := r.cfg.Client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, m := range messages {
				p.Publish(ctx, r.cfg.Channel, m)
			}
			return nil
		})
		return err
	})
}

// publishLosses notifies the others that they missed something, as soon as Redis takes it.
func (r *Redis) publishLosses(ctx context.Context) {
	loss := [][]byte{[]byte(`{"from":"` + r.self + `","lost":true}`)}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.failed:
		}
		sent := func() bool { return r.send(ctx, loss) == nil }
		retry.Backoff{Min: breaker.ProbeEvery}.Until(ctx, sent)
	}
}

// receive passes on what came through the channel: a message, or that Redis confirmed the
// subscription, before which anything may have been missed.
func (r *Redis) receive(text string, subscribed bool) {
	if subscribed {
		r.metrics.resubscribed.Inc()
		r.Lose()
		return
	}
	var m message[Notice]
	// A message that is none of ours counts as a loss: nobody relies on what it was to say.
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		m = message[Notice]{Lost: true}
	} else if m.From == r.self {
		return
	}
	if m.Lost {
		r.metrics.remote.Inc()
		r.Lose()
	}
	r.Local.Publish(context.Background(), m.Notices)
}
