package cache

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// entry is what memory keeps of a key. It does not change, but for refreshing.
type entry[V any] struct {
	value V
	// missing means that the key has no value.
	missing bool
	// size is that of the encoded value, in bytes.
	size int
	// softAt and hardAt are when it is to be loaded again, and not to be answered any more,
	// by the cache's own time.
	softAt, hardAt time.Duration
	// refreshing is set by the reader who has it loaded again.
	refreshing atomic.Bool
}

// record is what Redis keeps of a key.
type record struct {
	// hard and soft are the ages at which the value is gone and due.
	hard, soft time.Duration
	// fresh means that the load saw every commit before it.
	fresh   bool
	missing bool
	encoded []byte
}

// record makes the record of what a load found.
func (c *Cache[V]) record(value V, err error, fresh bool) (*record, error) {
	r := &record{fresh: fresh}
	shorter := 1 - c.cfg.Jitter*rand.Float64()
	part := func(d time.Duration) time.Duration { return time.Duration(float64(d) * shorter) }
	switch {
	case errors.Is(err, c.cfg.NotFound):
		r.missing = true
		r.hard = part(c.cfg.NegativeTTL)
		r.soft = r.hard
		return r, nil
	case err != nil:
		return nil, err
	}
	if r.encoded, err = c.cfg.Codec.Encode(value); err != nil {
		return nil, fmt.Errorf("cache %s: encoding a value: %w", c.cfg.Name, err)
	}
	r.hard, r.soft = part(c.cfg.HardTTL), part(c.cfg.SoftTTL)
	return r, nil
}

// entry makes the entry of a record whose load began at a time.
func (c *Cache[V]) entry(value V, r *record, began time.Duration) *entry[V] {
	return &entry[V]{value: value, missing: r.missing, size: len(r.encoded), softAt: began + r.soft, hardAt: began + r.hard}
}

// postponed is an entry that is due again later.
func (e *entry[V]) postponed(softAt time.Duration) *entry[V] {
	return &entry[V]{value: e.value, missing: e.missing, size: e.size, softAt: softAt, hardAt: e.hardAt}
}
