package sharded

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// with returns a copy of the map with buckets at another shard.
func (m Map) with(owner string, buckets ...int) Map {
	for _, bucket := range buckets {
		m.Owners[bucket] = owner
	}
	return m
}

// at returns a copy of the map whose shards have other addresses, or are new.
func (m Map) at(shards ...Shard) Map {
	all := m.byName()
	m.Shards = nil
	for _, s := range shards {
		all[s.Name] = s
	}
	for _, s := range all {
		m.Shards = append(m.Shards, s)
	}
	return m
}

func TestChanges(t *testing.T) {
	t.Parallel()
	running := cut("a", "b")
	added := Shard{Name: "c", URL: "postgres://u:hunter2@c/db"}
	for want, now := range map[string]Map{
		"":                   running,
		"added c":            running.at(added),
		"changed b (url)":    running.at(Shard{Name: "b", URL: "postgres://u:hunter2@b/db"}),
		"buckets 3-4,9 at b": running.with("b", 3, 4, 9),
		"changed a (url, replica_url); buckets 0 at b": running.with("b", 0).at(
			Shard{Name: "a", URL: "postgres://u:hunter2@a/db", ReplicaURL: "postgres://u:hunter2@r/db"}),
		"added c, d; removed a, b; buckets 0-511 at c; buckets 512-1023 at d": cut("c", "d"),
	} {
		require.Equal(t, want, running.Changes(now))
	}
	require.True(t, running.SameShards(running.with("b", 0)))
	require.False(t, running.SameShards(running.at(added)))
}

func TestContradicts(t *testing.T) {
	t.Parallel()
	running := cut("a", "b")
	c := Shard{Name: "c", URL: "sqlite:c"}
	// 1 went to b, 2 to c, which only the file has, 3 there and back, and 4 stopped between both.
	fences := map[string]Fences{"a": {1: "b", 2: "c", 4: "b"}, "b": {3: "a", 4: "a"}}
	routes := route(running.Owners, fences)
	for name, now := range map[string]Map{
		"the same":               running.at(c),
		"what moved":             running.at(c).with("b", 1).with("c", 2),
		"where it was":           running.at(c).with("a", 1, 2),
		"by a fence":             running.at(c).with("b", 3),
		"on from one unknown":    running.at(c).with("b", 2),
		"between both":           running.at(c).with("b", 4),
		"a database that moved":  running.at(c, Shard{Name: "b", URL: "postgres://new/b"}),
		"a shard without bucket": running.at(c, Shard{Name: "d", URL: "sqlite:d"}),
	} {
		require.NoError(t, running.contradicts(now, routes), name)
	}
	for want, now := range map[string]Map{
		"buckets: 7-8 are at a, not at b; 9 are at a, not at c: move them first": running.at(c).with("b", 7, 8).with("c", 9),
		"2 are at c, not at a":        running, // Without c what went there is nowhere.
		"shards: d has the url of a":  running.at(c, Shard{Name: "a", URL: "sqlite:z"}, Shard{Name: "d", URL: "sqlite:a"}),
		"512-1023 are at b, not at a": cut("a").at(c),
	} {
		require.ErrorContains(t, running.contradicts(now, routes), want)
	}
}
