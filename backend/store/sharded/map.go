package sharded

import (
	"errors"
	"fmt"
	"slices"

	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/event"
)

// Main is the name of the only shard where no file says otherwise.
const Main = "main"

// Map says which shards there are and which of them has each bucket at the start. Make one
// with [Load] or [Single].
type Map struct {
	// Shards are all of them, by name.
	Shards []Shard
	// Owners has the name of the shard of each bucket.
	Owners [event.Buckets]string
}

// Shard is a database that keeps some of the users.
type Shard struct {
	// Name is what the file and the fences of moved buckets call it.
	Name string
	// URL is "sqlite:<path>" or "postgres://…". It may hold a password.
	URL string
	// ReplicaURL is where the shard's replicas are; empty for none.
	ReplicaURL string
}

// Single is the map of one database that keeps everything, [Main].
func Single(url, replicaURL string) Map {
	m := Map{Shards: []Shard{{Name: Main, URL: url, ReplicaURL: replicaURL}}}
	for bucket := range m.Owners {
		m.Owners[bucket] = Main
	}
	return m
}

// has reports whether there is a shard with a name.
func (m Map) has(name string) bool {
	return slices.ContainsFunc(m.Shards, func(s Shard) bool { return s.Name == name })
}

// Check reports whether there are shards, whose databases differ, and every bucket has one.
func (m Map) Check() error {
	if len(m.Shards) == 0 {
		return errors.New("shards: none is named")
	}
	databases := map[string]string{}
	for i, s := range m.Shards {
		if !event.ValidBot(s.Name) { // What is allowed is the same.
			return fmt.Errorf("shards: %q is no name; letters, digits, '-' and '_', at most 64", s.Name)
		}
		if slices.ContainsFunc(m.Shards[:i], func(other Shard) bool { return other.Name == s.Name }) {
			return fmt.Errorf("shards: there are two of the name %q", s.Name)
		}
		if err := s.check(); err != nil {
			return fmt.Errorf("shards: %s: %w", s.Name, err)
		}
		if other, used := databases[s.URL]; used {
			return fmt.Errorf("shards: %s and %s have the same url", other, s.Name)
		}
		databases[s.URL] = s.Name
	}
	for bucket, owner := range m.Owners {
		if !m.has(owner) {
			return fmt.Errorf("buckets: bucket %d belongs to %q, which is not among the shards", bucket, owner)
		}
	}
	return nil
}

func (s Shard) check() error {
	path, err := address.Database(s.URL)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	if s.ReplicaURL == "" {
		return nil
	}
	if _, err := address.Replica(s.ReplicaURL); err != nil || path != "" {
		return errors.New("replica_url: must be postgres://<host>, beside a url that is")
	}
	return nil
}
