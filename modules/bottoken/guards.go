package bottoken

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/modules/internal/lockout"
)

// clientsPerAddress is how many times the failures of one client an address may have. A
// client that is locked out adds no more of them, so that a misconfigured one does not
// lock out the others of its network.
const clientsPerAddress = 5

// guards lock out who guesses secrets: an address as one client, and as whatever client.
type guards struct{ client, address *lockout.Guard }

func acquireGuards(c lockout.Config, shared redis.UniversalClient, logger *slog.Logger) (*guards, error) {
	client, err := lockout.Acquire("token-client", c, shared, logger)
	if err != nil {
		return nil, err
	}
	c.Failures *= clientsPerAddress
	address, err := lockout.Acquire("token-address", c, shared, logger)
	if err != nil {
		return nil, errors.Join(err, client.Release())
	}
	return &guards{client, address}, nil
}

func (g *guards) release() error { return errors.Join(g.client.Release(), g.address.Release()) }

// addressLocked reports whether the address is locked out, and for how much longer.
func (g *guards) addressLocked(address string) (time.Duration, bool) {
	return g.address.Locked(address)
}

// locked reports whether the address is locked out, be it only as this client.
func (g *guards) locked(address, client string) (time.Duration, bool) {
	if left, locked := g.address.Locked(address); locked {
		return left, true
	}
	return g.client.Locked(address + " " + client)
}

func (g *guards) failed(ctx context.Context, address, client string) {
	g.client.Failed(ctx, address+" "+client)
	g.address.Failed(ctx, address)
}
