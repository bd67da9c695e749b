// Package sharedstate is the base of what gateways share in Redis, and each of them knows by
// itself without Redis or while it does not answer.
package sharedstate

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/background"
	"github.com/botgate/botgate/internal/breaker"
	"github.com/botgate/botgate/internal/redisclient"
)

// Config is what a state is made of.
type Config struct {
	// Redis is that of all processes; nil keeps the state in this one. It is not closed.
	Redis *redisclient.Pipe
	// MaxKeys bounds the keys that are remembered in this process, in each table. With more,
	// those are forgotten that would be soonest anyway. Required.
	MaxKeys int
	// Logger gets when Redis stops and starts to answer. Required.
	Logger *slog.Logger
	// Degraded counts the states whose Redis does not answer; nil for none.
	Degraded prometheus.Gauge
}

// Base is what types with such a state embed.
type Base struct {
	*background.Tasks
	// Breaker is for all calls of Redis.
	Breaker *breaker.Breaker
}

// New makes a base. The effect is what it means that Redis does not answer, as in
// [breaker.Config].
func New(c Config, effect string) Base {
	return Base{background.New(), breaker.New(breaker.Config{
		Logger: c.Logger, Effect: effect, Degraded: c.Degraded, Probe: redisclient.Probe(c.Redis.Client()),
	})}
}

// Close ends what runs in the background and waits for it. It never fails.
func (b Base) Close() error {
	defer b.Breaker.Close()
	return b.Tasks.Close()
}
