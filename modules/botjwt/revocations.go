package botjwt

import (
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/revocation"
	"github.com/botgate/botgate/modules/internal/pooled"
)

// revocationPlace is where revocations are: in Redis, or else in the file.
type revocationPlace struct {
	client redis.UniversalClient
	path   string
}

// copies has one for each place, however many handlers there are. Streams that outlive a reload go on to hear of
// revocations by it.
var copies = pooled.New[revocationPlace, *revocation.Copy]()

// acquireRevocations returns the copy of what is revoked, and the function that gives it back.
func acquireRevocations(client redis.UniversalClient, path string, logger *slog.Logger) (*revocation.Copy, func() error, error) {
	place := revocationPlace{client: client}
	var store revocation.Store = revocation.NewRedis(client)
	if client == nil {
		place.path, store = path, revocation.NewFile(path)
	}
	followed, err := copies.Acquire(place, func() (*revocation.Copy, error) { return revocation.Follow(store, 0, logger), nil })
	return followed, func() error { return copies.Release(place) }, err
}
