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

// lockouts are for who guesses secrets: an address as one client, and as whatever client.
type lockouts struct{ client, address *lockout.Guard }

func acquireLockouts(c lockout.Config, shared redis.UniversalClient, logger *slog.Logger) (*lockouts, error) {
	client, err := lockout.Acquire("token-client", c, shared, logger)
	if err != nil {
		return nil, err
	}
	c.Failures *= clientsPerAddress
	address, err := lockout.Acquire("token-address", c, shared, logger)
	if err != nil {
		return nil, errors.Join(err, client.Release())
	}
	return &lockouts{client, address}, nil
}

func (l *lockouts) release() error { return errors.Join(l.client.Release(), l.address.Release()) }

// locked reports whether the address is locked out, be it only as this client.
func (l *lockouts) locked(address, client string) (time.Duration, bool) {
	if left, locked := l.address.Locked(address); locked {
		return left, true
	}
	return l.client.Locked(address + " " + client)
}

// failed returns who is locked out by this failure, and for how long.
func (l *lockouts) failed(ctx context.Context, address, client string) (who string, left time.Duration) {
	who = address + " " + client
	left = l.client.Failed(ctx, who)
	if whole := l.address.Failed(ctx, address); whole > 0 {
		return address, whole
	}
	return who, left
}
