package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

var errRecord = errors.New("unknown form of a value in redis")

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// text is how a record looks in Redis: the ages at which it is gone and due, in
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
	r, age, l, err := c.remote.begin(ctx, f.key, need{fresh: f.fresh, undue: f.refresh != nil})
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
		if value, err = c.cfg.Codec.Decode(r.encoded); err != nil {
			// Another release's form: its own readers keep it.
			c.metrics.redisFailed.Inc()
			return nil, lease{}
		}
	}
	c.metrics.redisHit.Inc()
	return c.entry(value, r, began-age), lease{}
}
