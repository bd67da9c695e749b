package botlimit

import (
	"log/slog"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/limit"
)

// maxKeys bounds the memory of the limits in this process to some 50 MB.
const maxKeys = 500_000

// limiters has one for each Redis, and one for this process alone. It keeps what was
// counted across reloads: while a configuration is replaced, the old and the new one hold
// the same value.
var limiters = caddy.NewUsagePool()

// inProcess is the key of the limiter without a Redis.
type inProcess struct{}

// shared is a limiter that several handlers use.
type shared struct {
	*limit.Limiter
	state *state
}

// Destruct implements [caddy.Destructor].
func (s shared) Destruct() error {
	s.Close()
	s.state.show(false)
	return nil
}

// acquire returns the limiter over a client, or in this process for nil, and the function
// that gives it back.
func acquire(client redis.UniversalClient, logger *slog.Logger) (*limit.Limiter, func() error, error) {
	var key any = inProcess{}
	if client != nil {
		key = client
	}
	value, _, err := limiters.LoadOrNew(key, func() (caddy.Destructor, error) {
		state := new(state)
		return shared{limit.New(limit.Config{Client: client, MaxKeys: maxKeys, Logger: logger, OnDegraded: state.show}), state}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return value.(shared).Limiter, func() error {
		_, err := limiters.Delete(key)
		return err
	}, nil
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
