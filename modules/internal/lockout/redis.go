package lockout

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// shared counts in Redis. Its keys share a hash tag, so that one script can use them on a
// cluster too. All times are the server's own.
type shared struct {
	client redis.UniversalClient
	prefix string
	// lifted is when the last lockout was lifted that is known here, in microseconds of the server's clock.
	lifted int64
}

func newShared(client redis.UniversalClient, name string) *shared {
	return &shared{client: client, prefix: "botgate:{lockout:" + name + "}:"}
}

// countScript adds a failure, and at the last one locks the key out: as counted here, or by the caller alone. It
// returns for how many milliseconds the key is locked out. Of too many that are, those are forgotten that end soonest.
var countScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local until_ = tonumber(redis.call('ZSCORE', KEYS[2], ARGV[4]) or 0)
if until_ > now then return until_ - now end
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if math.max(n, tonumber(ARGV[6])) < tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[5] - 1)
redis.call('PEXPIRE', KEYS[2], ARGV[7])
return tonumber(ARGV[3])
`)

func (s *shared) failures(name string) string { return s.prefix + "failures:" + digest(name) }

// count takes the failures that the caller knows of, with this one, and for how long one too many locks the key out.
func (s *shared) count(ctx context.Context, name string, failures int, lasts time.Duration, c Config) (time.Duration, error) {
	left, err := countScript.Run(ctx, s.client, []string{s.failures(name), s.prefix + "locked"},
		c.Failures, time.Duration(c.Window).Milliseconds(), lasts.Milliseconds(), name, maxKeys, failures,
		time.Duration(c.Duration).Milliseconds()).Int64()
	if err != nil {
		return 0, fmt.Errorf("counting a failure: %w", err)
	}
	return time.Duration(left) * time.Millisecond, nil
}

// lockedScript returns keys and, for each, the milliseconds that are left.
var lockedScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local found = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 2, #found, 2 do found[i] = tostring(found[i] - now) end
return found
`)

func (s *shared) locked(ctx context.Context) (map[string]time.Duration, error) {
	found, err := lockedScript.Run(ctx, s.client, []string{s.prefix + "locked"}, maxKeys).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("reading who is locked out: %w", err)
	}
	locked := make(map[string]time.Duration, len(found)/2)
	for i := 0; i+1 < len(found); i += 2 {
		left, err := strconv.ParseFloat(found[i+1], 64)
		if err != nil {
			return nil, fmt.Errorf("reading who is locked out: %w", err)
		}
		locked[found[i]] = time.Duration(left) * time.Millisecond
	}
	return locked, nil
}

// liftScript ends a lockout, forgets the failures, and tells the other gateways: each hears of it for as long as it
// could hold on to the lockout.
var liftScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[2] * 1000)
redis.call('ZADD', KEYS[3], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -ARGV[3] - 1)
redis.call('PEXPIRE', KEYS[3], ARGV[2])
return 1
`)

func (s *shared) lift(ctx context.Context, name string, c Config) error {
	keys := []string{s.failures(name), s.prefix + "locked", s.prefix + "lifted"}
	err := liftScript.Run(ctx, s.client, keys, name, time.Duration(c.Duration).Milliseconds(), maxKeys).Err()
	if err != nil {
		return fmt.Errorf("lifting a lockout: %w", err)
	}
	return nil
}

// newlyLifted returns whose lockouts were lifted since it was asked last.
func (s *shared) newlyLifted(ctx context.Context) ([]string, error) {
	found, err := s.client.ZRangeByScoreWithScores(ctx, s.prefix+"lifted", &redis.ZRangeBy{
		Min: "(" + strconv.FormatInt(s.lifted, 10), Max: "+inf", Count: maxKeys,
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("reading whose lockout was lifted: %w", err)
	}
	names := make([]string, len(found))
	for i, one := range found {
		names[i] = one.Member.(string)
		s.lifted = max(s.lifted, int64(one.Score))
	}
	return names, nil
}
