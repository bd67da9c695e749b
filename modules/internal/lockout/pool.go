package lockout

import (
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/modules/internal/pooled"
)

var pool = pooled.New[string, *Guard]()

// Acquire returns the guard of that name and configuration. The name separates purposes
// from one another. Without a client this process counts for itself. Every Acquire needs
// one Release.
func Acquire(name string, c Config, client redis.UniversalClient, logger *slog.Logger) (*Guard, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%s %+v %p", name, c, client)
	return pool.Acquire(id, func() (*Guard, error) {
		g := newGuard(name, c, client, logger)
		g.poolID = id
		return g, nil
	})
}

// Release releases the guard. The last one to do so ends it.
func (g *Guard) Release() error { return pool.Release(g.poolID) }
