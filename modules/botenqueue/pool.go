package botenqueue

import (
	"log/slog"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/idempotency"
)

// maxKeys bounds the memory of the keys in this process to some 60 MB.
const maxKeys = 200_000

// stores has one for each Redis, and one for this process alone. It keeps what was answered
// across reloads: while a configuration is replaced, the old and the new one hold the same
// value.
var stores = caddy.NewUsagePool()

// inProcess is the key of the store without a Redis.
type inProcess struct{}

// shared is a store that several handlers use.
type shared struct{ *idempotency.Store }

// Destruct implements [caddy.Destructor].
func (s shared) Destruct() error {
	s.Close()
	degradedState.Set(0)
	return nil
}

// acquire returns the store over a client, or in this process for nil, and the function
// that gives it back.
func acquire(client redis.UniversalClient, logger *slog.Logger) (*idempotency.Store, func() error, error) {
	var key any = inProcess{}
	if client != nil {
		key = client
	}
	value, _, err := stores.LoadOrNew(key, func() (caddy.Destructor, error) {
		return shared{idempotency.New(idempotency.Config{Client: client, MaxKeys: maxKeys, Logger: logger, OnDegraded: showDegraded})}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return value.(shared).Store, func() error {
		_, err := stores.Delete(key)
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
