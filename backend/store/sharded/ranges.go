package sharded

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

// Ranges returns where all buckets are, by what the shards say now. The error joins those of
// shards that are away, of whom what was last known counts.
func (s *Store) Ranges(ctx context.Context) ([]Range, error) {
	err := s.survey(ctx)
	routes := s.routes.Load()
	var all []Range
	for bucket, owner := range routes.owners {
		r := Range{
			From: bucket, To: bucket, Configured: s.configured[bucket], Shard: owner,
			Known: s.member(owner) != nil, Between: routes.open[bucket],
		}
		if n := len(all); n > 0 && all[n-1].continues(r) {
			all[n-1].To = bucket
			continue
		}
		all = append(all, r)
	}
	return all, err
}

func (r Range) continues(next Range) bool {
	return r.Configured == next.Configured && r.Shard == next.Shard && slices.Equal(r.Between, next.Between)
}
