package botlimit

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// The SHA-1 hashes by which redis_rate v10.0.1 calls its two scripts. Another version
// of a script has another hash and is refused, so it can't be mistaken for these.
const (
	allowNHash      = "f52a5b566060d79fd321d695df55bc918339c4aa"
	allowAtMostHash = "054143318f521948424aa25df61d7f7ba835a9d7"
)

var (
	errUnknownScript = errors.New("rate limit: the in-process backend does not know this script of redis_rate")
	errScriptCall    = errors.New("rate limit: a script of redis_rate was called with other arguments than expected")
)

// Memory stands in for Redis within this process: it has the methods that redis_rate
// calls, and computes what its scripts compute. It is safe for concurrent use. Close
// must be called when it is no longer needed.
type Memory struct {
	table *table
}

// NewMemory returns an empty backend that holds at most maxKeys keys; with more, those
// that are nearest to a full allowance are forgotten.
func NewMemory(maxKeys int) *Memory {
	return &Memory{table: newTable(maxKeys)}
}

// Close stops the sweeper and waits for it.
func (m *Memory) Close() { m.table.close() }

// EvalSha runs the script with this hash.
func (m *Memory) EvalSha(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	take := bucket.allowN
	switch sha1 {
	case allowNHash:
	case allowAtMostHash:
		take = bucket.allowAtMost
	default:
		cmd.SetErr(errUnknownScript)
		return cmd
	}
	b, ok := parseBucket(args)
	if !ok || len(keys) != 1 {
		cmd.SetErr(errScriptCall)
		return cmd
	}
	var a answer
	m.table.update(keys[0], func(tat, now float64) float64 {
		a, tat = take(b, tat, now)
		return tat
	})
	cmd.SetVal([]any{int64(a.allowed), int64(a.remaining), seconds(a.retryAfter), seconds(a.resetAfter)})
	return cmd
}

// EvalShaRO is [Memory.EvalSha].
func (m *Memory) EvalShaRO(ctx context.Context, sha1 string, keys []string, args ...any) *redis.Cmd {
	return m.EvalSha(ctx, sha1, keys, args...)
}

// Eval runs the script with this source.
func (m *Memory) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return m.EvalSha(ctx, redis.NewScript(script).Hash(), keys, args...)
}

// EvalRO is [Memory.Eval].
func (m *Memory) EvalRO(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return m.Eval(ctx, script, keys, args...)
}

// ScriptExists reports which of the scripts are known.
func (m *Memory) ScriptExists(ctx context.Context, hashes ...string) *redis.BoolSliceCmd {
	known := make([]bool, len(hashes))
	for i, hash := range hashes {
		known[i] = hash == allowNHash || hash == allowAtMostHash
	}
	cmd := redis.NewBoolSliceCmd(ctx)
	cmd.SetVal(known)
	return cmd
}

// ScriptLoad returns the script's hash; the scripts are always there.
func (m *Memory) ScriptLoad(ctx context.Context, script string) *redis.StringCmd {
	cmd := redis.NewStringCmd(ctx)
	cmd.SetVal(redis.NewScript(script).Hash())
	return cmd
}

// Del forgets keys and returns how many there were.
func (m *Memory) Del(ctx context.Context, keys ...string) *redis.IntCmd {
	cmd := redis.NewIntCmd(ctx)
	cmd.SetVal(m.table.remove(keys))
	return cmd
}

// parseBucket reads the scripts' arguments: burst, rate, period in seconds, cost.
func parseBucket(args []any) (bucket, bool) {
	if len(args) != 4 {
		return bucket{}, false
	}
	burst, ok1 := args[0].(int)
	rate, ok2 := args[1].(int)
	period, ok3 := args[2].(float64)
	cost, ok4 := args[3].(int)
	return bucket{burst: float64(burst), rate: float64(rate), period: period, cost: float64(cost)},
		ok1 && ok2 && ok3 && ok4
}

func seconds(s float64) string {
	if s == -1 {
		return "-1"
	}
	return strconv.FormatFloat(s, 'f', 6, 64)
}
