package rebalance

import (
	"context"
	"slices"
)

// Range is a range of buckets that are in the same place.
type Range struct {
	From, To int
	// Configured is the shard that the configuration has them in, and Shard the one that
	// they are in.
	Configured, Shard string
	// Known is whether the configuration names that one.
	Known bool
	// Between are two shards that a move of the buckets was interrupted between.
	Between []string
}

// Ranges returns where all buckets are, by the fences as they are now. The error joins those of
// shards that are down, whose fences are those that were read last.
func (r *Rebalancer) Ranges(ctx context.Context) ([]Range, error) {
	routes, err := r.store.Survey(ctx)
	var all []Range
	for bucket, owner := range routes.Owners {
		next := Range{
			From: bucket, To: bucket, Configured: routes.Configured[bucket], Shard: owner,
			Known: slices.Contains(r.store.Names(), owner), Between: routes.Between[bucket],
		}
		if n := len(all); n > 0 && all[n-1].continues(next) {
			all[n-1].To = bucket
			continue
		}
		all = append(all, next)
	}
	return all, err
}

func (r Range) continues(next Range) bool {
	return r.Configured == next.Configured && r.Shard == next.Shard && slices.Equal(r.Between, next.Between)
}
