package botlimit

import (
	"log/slog"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// maxKeys bounds the memory of the limits in this process to some 50 MB.
const maxKeys = 500_000

// limiters has one for each Redis, and one for this process alone, whose key is nil.
var limiters = pooled.New[redis.UniversalClient, shared]()

// shared is a limiter that several handlers use.
type shared struct {
	*limit.Limiter
	state *state
}

// Close implements [io.Closer].
func (s shared) Close() error {
	s.Limiter.Close()
	s.state.show(false)
	return nil
}

// acquire returns the limiter over a client, or in this process for nil, and the function
// that gives it back.
func acquire(client redis.UniversalClient, logger *slog.Logger) (*limit.Limiter, func() error, error) {
	found, err := limiters.Acquire(client, func() (shared, error) {
		state := new(state)
		return shared{limit.New(limit.Config{Client: client, MaxKeys: maxKeys, Logger: logger, OnDegraded: state.show}), state}, nil
	})
	return found.Limiter, func() error { return limiters.Release(client) }, err
}

// state is whether one limiter is degraded. While a configuration is replaced there can be
// two of them, and the end of the old one must not hide that the new one is.
type state struct{ degraded bool }

var (
	stateMu  sync.Mutex
	degraded int // limiters are
)

func (s *state) show(now bool) {
	stateMu.Lock()
	defer stateMu.Unlock()
	if s.degraded == now {
		return
	}
	s.degraded = now
	if now {
		degraded++
	} else {
		degraded--
	}
	degradedState.Set(float64(min(1, degraded)))
}
