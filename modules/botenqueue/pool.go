package botenqueue

import (
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// maxKeys bounds the memory of the keys in this process to some 60 MB.
const maxKeys = 200_000

// stores has one for each Redis, and one for this process alone, whose key is nil.
var stores = pooled.New[redis.UniversalClient, shared]()

// shared is a store that several handlers use.
type shared struct{ *idempotency.Store }

// Close implements [io.Closer].
func (s shared) Close() error {
	s.Store.Close()
	degradedState.Set(0)
	return nil
}

// acquire returns the store over a client, or in this process for nil, and the function
// that gives it back.
func acquire(client redis.UniversalClient, logger *slog.Logger) (*idempotency.Store, func() error, error) {
	found, err := stores.Acquire(client, func() (shared, error) {
		return shared{idempotency.New(idempotency.Config{Client: client, MaxKeys: maxKeys, Logger: logger, OnDegraded: showDegraded})}, nil
	})
	return found.Store, func() error { return stores.Release(client) }, err
}

func showDegraded(degraded bool) {
	if degraded {
		degradedState.Set(1)
	} else {
		degradedState.Set(0)
	}
}
