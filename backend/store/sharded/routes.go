package sharded

import (
	"slices"

	"github.com/botgate/botgate/internal/event"
)

// Fences are the buckets that a shard has fenced, and the shards that got them.
type Fences map[int]string

// Routes say which shard has each bucket: the one at which the fences end that begin at the
// configured shard. Every shard that had the bucket has a fence that leads to the present one,
// directly or over others, so a configuration that names any of them is right. Routes must not be
// changed.
type Routes struct {
	// Configured is where the configuration has each bucket, and Owners where it is.
	Configured, Owners [event.Buckets]string
	// Between are the two shards that a bucket is between: both have everything and
	// neither takes more, until the move that was interrupted there is called again.
	Between map[int][]string
	// Fences are those of each shard.
	Fences map[string]Fences

	// has are the shards that have any bucket.
	has map[string]bool
}

func route(configured [event.Buckets]string, fences map[string]Fences) *Routes {
	r := &Routes{Configured: configured, Between: map[int][]string{}, Fences: fences, has: map[string]bool{}}
	for bucket, start := range configured {
		owner, circle := follow(start, bucket, fences)
		r.Owners[bucket] = owner
		r.has[owner] = true
		if circle != nil {
			r.Between[bucket] = circle
		}
	}
	return r
}

// follow follows the fences to the shard that has none, or until they go round in a circle.
func follow(start string, bucket int, fences map[string]Fences) (owner string, circle []string) {
	way := []string{start}
	for {
		at := way[len(way)-1]
		next, fenced := fences[at][bucket]
		if !fenced {
			return at, nil
		}
		if i := slices.Index(way, next); i >= 0 {
			return at, way[i:]
		}
		way = append(way, next)
	}
}
