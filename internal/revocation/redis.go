package revocation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The keys share a hash tag, so that one script can use them on a cluster too.
const (
	redisRecords = "botgate:{revocations}:records"
	redisVersion = "botgate:{revocations}:version"
)

// Redis keeps revocations in Redis, for gateways on many machines.
type Redis struct {
	client redis.UniversalClient
	now    func() time.Time
}

// NewRedis returns the store in that Redis.
func NewRedis(client redis.UniversalClient) *Redis { return &Redis{client: client, now: time.Now} }

// String implements [Store].
func (r *Redis) String() string { return "Redis" }

// addScript drops what is over and adds the records, each with its end as its score. The
// version is taken from the clock, so that an emptied Redis does not repeat one.
var addScript = redis.NewScript(`
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
local count = (#ARGV - 2) / 2
if redis.call('ZCARD', KEYS[1]) + count > tonumber(ARGV[2]) then return 0 end
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end
local t = redis.call('TIME')
redis.call('SET', KEYS[2], t[1] .. '.' .. t[2] .. '.' .. redis.call('ZCARD', KEYS[1]))
return 1
`)

// Revoke implements [Store].
func (r *Redis) Revoke(ctx context.Context, entries ...Entry) error {
	records, err := recordsOf(entries)
	if err != nil {
		return err
	}
	args := []any{r.now().Unix(), maxEntries}
	for _, record := range records {
		raw, err := json.Marshal(record)
		if err != nil {
			return fmt.Errorf("revoking: %w", err)
		}
		args = append(args, record.Until, raw)
	}
	added, err := addScript.Run(ctx, r.client, []string{redisRecords, redisVersion}, args...).Int()
	if err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	if added == 0 {
		return errFull
	}
	return nil
}

// Load implements [Store]. Without a change it costs one GET.
func (r *Redis) Load(ctx context.Context, known *List) (*List, error) {
	version, err := r.client.Get(ctx, redisVersion).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("reading revocations: %w", err)
	}
	// A version never disappears by itself: a Redis without one was restarted empty, and
	// what it forgot must not become good again.
	if known != nil && (version == "" || version == known.version) {
		return known, nil
	}
	members, err := r.client.ZRangeByScore(ctx, redisRecords, &redis.ZRangeBy{
		Min: strconv.FormatInt(r.now().Unix(), 10), Max: "+inf", Count: maxEntries,
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("reading revocations: %w", err)
	}
	records := make([]record, len(members))
	for i, member := range members {
		if err := json.Unmarshal([]byte(member), &records[i]); err != nil {
			return nil, fmt.Errorf("reading revocations: %w", err)
		}
	}
	return newList(version, records, r.now()), nil
}
