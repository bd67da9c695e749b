package botlimit

import (
	"log/slog"

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
type shared struct{ *limit.Limiter }

// Destruct implements [caddy.Destructor].
func (s shared) Destruct() error {
	s.Close()
	degradedState.Set(0)
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
		return shared{limit.New(limit.Config{Client: client, MaxKeys: maxKeys, Logger: logger, OnDegraded: showDegraded})}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return value.(shared).Limiter, func() error {
		_, err := limiters.Delete(key)
		return err
	}, nil
}

func showDegraded(degraded bool) {
	if degraded {
		degradedState.Set(1)
	} else {
		degradedState.Set(0)
	}
}
