package botlimit

import (
	"log/slog"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/sharedstate"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// maxKeys bounds the memory of the limits in this process to some 50 MB.
const maxKeys = 500_000

// limiters has one for each Redis, and one for this process alone, whose key is nil.
var limiters = pooled.New[*redisclient.Pipe, *limit.Limiter]()

// acquire returns the limiter over a pipe, or in this process for nil, and the function
// that gives it back.
func acquire(pipe *redisclient.Pipe, logger *slog.Logger) (*limit.Limiter, func() error, error) {
	limiter, err := limiters.Acquire(pipe, func() (*limit.Limiter, error) {
		return limit.New(sharedstate.Config{Redis: pipe, MaxKeys: maxKeys, Logger: logger, Degraded: degradedState}), nil
	})
	return limiter, func() error { return limiters.Release(pipe) }, err
}
