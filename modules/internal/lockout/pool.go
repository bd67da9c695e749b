package lockout

import (
	"fmt"
	"log/slog"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
)

// pool shares guards between handlers, and keeps the counts over reloads.
var pool = caddy.NewUsagePool()

// Acquire returns the guard of that name and configuration. The name separates purposes
// from one another. Without a client this process counts for itself. Every Acquire needs
// one Release.
func Acquire(name string, c Config, client redis.UniversalClient, logger *slog.Logger) (*Guard, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	id := fmt.Sprintf("%s %+v %p", name, c, client)
	value, _, err := pool.LoadOrNew(id, func() (caddy.Destructor, error) {
		g := newGuard(name, c, client, logger)
		g.poolID = id
		return g, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*Guard), nil
}

// Release lets go of the guard. The last one to do so ends it.
func (g *Guard) Release() error {
	_, err := pool.Delete(g.poolID)
	return err
}

// Destruct implements [caddy.Destructor].
func (g *Guard) Destruct() error { return g.close() }
