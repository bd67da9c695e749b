package botenqueue

import (
	"log/slog"

	"github.com/botgate/botgate/internal/idempotency"
	"github.com/botgate/botgate/internal/redisclient"
	"github.com/botgate/botgate/internal/sharedstate"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// maxKeys bounds the memory of the keys in this process to some 60 MB.
const maxKeys = 200_000

// stores has one for each Redis, and one for this process alone, whose key is nil.
var stores = pooled.New[*redisclient.Pipe, *idempotency.Store]()

// acquire returns the store over a pipe, or in this process for nil, and the function
// that gives it back.
func acquire(pipe *redisclient.Pipe, logger *slog.Logger) (*idempotency.Store, func() error, error) {
	store, err := stores.Acquire(pipe, func() (*idempotency.Store, error) {
		return idempotency.New(sharedstate.Config{Redis: pipe, MaxKeys: maxKeys, Logger: logger, Degraded: degradedState}), nil
	})
	return store, func() error { return stores.Release(pipe) }, err
}
