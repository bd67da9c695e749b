package limit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Spent says of each zone how long it takes until the key has its full allowance there again, if nothing more is taken;
// zero where it has. It is what the processes that share the Redis know, from one that limits nothing. What they took
// ahead counts as if it were used.
func Spent(ctx context.Context, client redis.UniversalClient, key string, zones ...string) ([]time.Duration, error) {
	arrivals := make([]*redis.StringCmd, len(zones))
	now := client.Time(ctx)
	if now.Err() != nil {
		return nil, fmt.Errorf("asking Redis for the time: %w", now.Err())
	}
	_, _ = client.Pipelined(ctx, func(p redis.Pipeliner) error { // Each command has its error.
		for i, zone := range zones {
			arrivals[i] = p.Get(ctx, IDOf(zone, key).key(zone))
		}
		return nil
	})
	spent := make([]time.Duration, len(zones))
	for i, arrival := range arrivals {
		tat, err := arrival.Float64()
		switch {
		case errors.Is(err, redis.Nil):
		case err != nil:
			return nil, fmt.Errorf("asking Redis for a limit: %w", err)
		default:
			spent[i] = seconds(max(0, tat-now.Val().Sub(epoch).Seconds()))
		}
	}
	return spent, nil
}

// Spent is the function of that name: of the shared Redis where there is one, else of this process.
func (l *Limiter) Spent(ctx context.Context, key string, zones ...string) ([]time.Duration, error) {
	if l.shared != nil {
		return Spent(ctx, l.resets.client, key, zones...)
	}
	spent := make([]time.Duration, len(zones))
	for i, zone := range zones {
		spent[i] = l.local.spent(IDOf(zone, key))
	}
	return spent, nil
}
