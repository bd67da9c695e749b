package sharded

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/botgate/botgate/internal/reload"
)

// SameShards reports whether the shards are those of another map, whatever buckets they have.
func (m Map) SameShards(other Map) bool { return maps.Equal(m.byName(), other.byName()) }

// Changes says how a map differs from this one, in names and never in addresses; empty where it doesn't:
//
//	added c; changed a (url); buckets 512-767 at c
func (m Map) Changes(now Map) string {
	var parts []string
	if shards := reload.Differences(m.byName(), now.byName(), changedFields); shards != "" {
		parts = append(parts, shards)
	}
	moved := map[string][]int{}
	for bucket, owner := range now.Owners {
		if owner != m.Owners[bucket] {
			moved[owner] = append(moved[owner], bucket)
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(moved)) {
		parts = append(parts, "buckets "+Spans(moved[owner])+" at "+owner)
	}
	return strings.Join(parts, "; ")
}

func (m Map) byName() map[string]Shard {
	all := map[string]Shard{}
	for _, s := range m.Shards {
		all[s.Name] = s
	}
	return all
}

// changedFields are the fields of a shard that differ, in the file's words.
func changedFields(before, now Shard) (fields []string) {
	if before.URL != now.URL {
		fields = append(fields, "url")
	}
	if before.ReplicaURL != now.ReplicaURL {
		fields = append(fields, "replica_url")
	}
	return fields
}

// contradicts returns why a process with the map after a process with this one would look for events where they
// are not: a database has another name, or a bucket is at another shard than the one that has it.
func (m Map) contradicts(now Map, routes *Routes) error {
	for _, s := range now.Shards {
		i := slices.IndexFunc(m.Shards, func(other Shard) bool { return other.URL == s.URL })
		if i >= 0 && m.Shards[i].Name != s.Name {
			return fmt.Errorf("shards: %s has the url of %s: a database keeps its name", s.Name, m.Shards[i].Name)
		}
	}
	wrong := map[[2]string][]int{}
	for bucket, start := range now.Owners {
		at := routes.Owners[bucket]
		end, circle := follow(start, bucket, routes.Fences)
		asked := m.has(at) // Else it may have handed the bucket on.
		if !now.has(at) || asked && end != at && !slices.Contains(circle, at) {
			way := [2]string{start, at}
			wrong[way] = append(wrong[way], bucket)
		}
	}
	var reasons []string
	for way, buckets := range wrong {
		reasons = append(reasons, fmt.Sprintf("%s are at %s, not at %s", Spans(buckets), way[1], way[0]))
	}
	if reasons == nil {
		return nil
	}
	slices.Sort(reasons)
	return fmt.Errorf("buckets: %s: move them first (botgate-backend shard move), then write down where they are",
		strings.Join(reasons, "; "))
}

// CheckMap returns why the shards file of a running process, whose shards are those of running, must not become
// now. It reads where the buckets are; of a shard that does not answer, what was read last counts.
func (s *Store) CheckMap(ctx context.Context, running, now Map) error {
	routes, missing := s.Survey(ctx)
	err := running.contradicts(now, routes)
	if err != nil && missing != nil {
		err = fmt.Errorf("%w (not every shard says where they are: try again when botgate_shard_up is 1 for all)", err)
	}
	return err
}
