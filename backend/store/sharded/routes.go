package sharded

import (
	"slices"

	"github.com/botgate/botgate/internal/event"
)

// marks are the buckets that a shard handed over, and where they went.
type marks map[int]string

// routes say which shard has each bucket: where the configuration has it, and from there
// where the marks lead. A shard that has a bucket has no mark for it, and the marks of
// those that had it before lead to it, at once or one after the other; so any of them is a
// right answer of the configuration.
type routes struct {
	owners [event.Buckets]string
	// has are the shards that have any bucket.
	has map[string]bool
	// open are buckets between two shards, which are named: both have everything and
	// neither takes more, until the move that was interrupted there is called again.
	open map[int][]string
}

func route(configured [event.Buckets]string, all map[string]marks) *routes {
	r := &routes{has: map[string]bool{}, open: map[int][]string{}}
	for bucket, start := range configured {
		owner, circle := follow(start, bucket, all)
		r.owners[bucket] = owner
		r.has[owner] = true
		if circle != nil {
			r.open[bucket] = circle
		}
	}
	return r
}

// follow goes along the marks to the shard that has none, or until it is in a circle.
func follow(start string, bucket int, all map[string]marks) (owner string, circle []string) {
	way := []string{start}
	for {
		at := way[len(way)-1]
		next, moved := all[at][bucket]
		if !moved {
			return at, nil
		}
		if i := slices.Index(way, next); i >= 0 {
			return at, way[i:]
		}
		way = append(way, next)
	}
}
