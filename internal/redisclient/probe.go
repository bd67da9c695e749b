package redisclient

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// probeKey is written by probes, and gone soon after.
const (
	probeKey = "botgate:probe"
	probeTTL = 10 * time.Second
)

// Probe returns what finds out whether a client's Redis takes writes: one that only answers, as a
// replica or without memory left, does not. It is nil for nil.
func Probe(client redis.UniversalClient) func(context.Context) error {
	if client == nil {
		return nil
	}
	return func(ctx context.Context) error { return client.Set(ctx, probeKey, "", probeTTL).Err() }
}
