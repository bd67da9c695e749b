package limit

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

//go:embed take.lua
var takeSource string

var takeScript = redis.NewScript(takeSource)

// keyPrefix is what redis_rate puts before its keys.
const keyPrefix = "rate:"

// perKey is how many numbers the script takes, and returns, for each key.
const perKey = 5

var errAnswer = errors.New("rate limit: unexpected answer of the script")

// shared counts in Redis. One key is redis_rate's own business; several are the script's.
type shared struct {
	calls *pipeline
	rate  *redis_rate.Limiter
}

func newShared(client redis.UniversalClient) *shared {
	calls := newPipeline(client)
	return &shared{calls: calls, rate: redis_rate.NewLimiter(calls)}
}

// take fills in the results and how much was taken from each key: from all or from none.
func (s *shared) take(ctx context.Context, takes []Take, results []Result, taken []int) error {
	if len(takes) == 1 && takes[0].most() == takes[0].cost() {
		return s.takeOne(ctx, &takes[0], results, taken)
	}
	return s.run(ctx, takes, -1, results, taken)
}

func (s *shared) takeOne(ctx context.Context, t *Take, results []Result, taken []int) error {
	r, err := s.rate.AllowN(ctx, t.ID.name(t.Zone), t.Limit, t.cost())
	if err != nil {
		return err
	}
	taken[0] = r.Allowed
	results[0] = Result{Known: true, Allowed: r.Allowed > 0, Remaining: r.Remaining, ResetAfter: saturated(r.ResetAfter)}
	if !results[0].Allowed {
		results[0].RetryAfter = saturated(r.RetryAfter)
	}
	return nil
}

// saturated is what [seconds] would have made of a duration that overflowed.
func saturated(d time.Duration) time.Duration {
	if d < 0 {
		return math.MaxInt64
	}
	return d
}

// deferred takes on credit; see [Limiter.Defer].
func (s *shared) deferred(ctx context.Context, takes []Take, maxDelay time.Duration, results []Result) error {
	return s.run(ctx, takes, maxDelay.Seconds(), results, make([]int, len(takes)))
}

func (s *shared) run(ctx context.Context, takes []Take, maxDelay float64, results []Result, taken []int) error {
	keys := make([]string, len(takes))
	args := make([]any, 1, 1+perKey*len(takes))
	args[0] = maxDelay
	for i := range takes {
		t := &takes[i]
		keys[i] = keyPrefix + t.ID.name(t.Zone)
		args = append(args, t.Limit.Burst, t.Limit.Rate, t.Limit.Period.Seconds(), t.cost(), t.most())
	}
	values, err := takeScript.Run(ctx, s.calls, keys, args...).Slice()
	if err != nil {
		return err
	}
	if len(values) != perKey*len(takes) {
		return errAnswer
	}
	for i := range takes {
		if results[i], taken[i], err = parse(values[i*perKey : (i+1)*perKey]); err != nil {
			return err
		}
	}
	return nil
}

// parse reads what the script says of one key.
func parse(values []any) (r Result, taken int, err error) {
	var whole [2]int64
	var floats [3]float64
	for i := range whole {
		var ok bool
		if whole[i], ok = values[i].(int64); !ok {
			return Result{}, 0, fmt.Errorf("%w: value %d", errAnswer, i)
		}
	}
	for i := range floats {
		text, _ := values[len(whole)+i].(string)
		if floats[i], err = strconv.ParseFloat(text, 64); err != nil {
			return Result{}, 0, fmt.Errorf("%w: value %d", errAnswer, len(whole)+i)
		}
	}
	r = Result{
		Known: true, Allowed: floats[0] == -1, Remaining: int(whole[1]),
		RetryAfter: seconds(max(0, floats[0])), ResetAfter: seconds(floats[1]), Delay: seconds(floats[2]),
	}
	return r, int(whole[0]), nil
}

// reset gives a key its full allowance back.
func (s *shared) reset(ctx context.Context, zone string, id ID) error {
	return s.rate.Reset(ctx, id.name(zone))
}
