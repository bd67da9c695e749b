package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var errRecord = errors.New("unknown form of a value in redis")

// entry is what memory keeps of a key. It does not change, but for refreshing.
type entry[V any] struct {
	value V
	// missing means that the key has no value.
	missing bool
	// size is that of the encoded value, in bytes.
	size int
	// staleAt and expiresAt are, by the cache's own time, when it is loaded again in the
	// background, and when it is not answered any more.
	staleAt, expiresAt time.Duration
	// refreshing is set by the reader who has it loaded again.
	refreshing atomic.Bool
}

// record is what Redis keeps of a key.
type record struct {
	// hard and soft are the ages at which the value expires and becomes stale.
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
	if r.encoded, err = json.Marshal(value); err != nil {
		return nil, fmt.Errorf("cache %s: encoding a value: %w", c.cfg.Name, err)
	}
	r.hard, r.soft = part(c.cfg.HardTTL), part(c.cfg.SoftTTL)
	return r, nil
}

// entry makes the entry of a record whose load began at a time.
func (c *Cache[V]) entry(value V, r *record, began time.Duration) *entry[V] {
	return &entry[V]{value: value, missing: r.missing, size: len(r.encoded), staleAt: began + r.soft, expiresAt: began + r.hard}
}

// postponed is an entry that becomes stale later.
func (e *entry[V]) postponed(staleAt time.Duration) *entry[V] {
	return &entry[V]{value: e.value, missing: e.missing, size: e.size, staleAt: staleAt, expiresAt: e.expiresAt}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// text is how a record looks in Redis: the ages at which it expires and becomes stale, in
// milliseconds, whether it was read fresh and whether it is missing, and the value.
func (r *record) text() []byte {
	text := make([]byte, 0, len(r.encoded)+32)
	text = strconv.AppendInt(text, r.hard.Milliseconds(), 10)
	text = append(text, ' ')
	text = strconv.AppendInt(text, r.soft.Milliseconds(), 10)
	text = fmt.Appendf(text, " %d %d ", flag(r.fresh), flag(r.missing))
	return append(text, r.encoded...)
}

func parse(text string) (*record, error) {
	parts := strings.SplitN(text, " ", 5)
	if len(parts) != 5 {
		return nil, errRecord
	}
	var numbers [4]int64
	for i := range numbers {
		n, err := strconv.ParseInt(parts[i], 10, 64)
		if err != nil || n < 0 {
			return nil, errRecord
		}
		numbers[i] = n
	}
	return &record{
		hard: time.Duration(numbers[0]) * time.Millisecond, soft: time.Duration(numbers[1]) * time.Millisecond,
		fresh: numbers[2] == 1, missing: numbers[3] == 1, encoded: []byte(parts[4]),
	}, nil
}

// fetch returns what Redis has for a flight, or else what its load may do. Without Redis
// it goes on alone.
func (c *Cache[V]) fetch(ctx context.Context, f *flight[V]) (*entry[V], lease) {
	began := c.now()
	r, age, l, err := c.remote.begin(ctx, f.key, need{fresh: f.fresh, notStale: f.refresh != nil})
	switch {
	case err != nil:
		c.metrics.redisFailed.Inc()
		return nil, lease{}
	case r == nil:
		c.metrics.redisMiss.Inc()
		return nil, l
	}
	var value V
	if !r.missing {
		if err = json.Unmarshal(r.encoded, &value); err != nil {
			// Another release's form: its own readers keep it.
			c.metrics.redisFailed.Inc()
			return nil, lease{}
		}
	}
	c.metrics.redisHit.Inc()
	return c.entry(value, r, began-age), lease{}
}
