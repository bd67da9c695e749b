package idempotency

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed begin.lua
var beginSource string

//go:embed settle.lua
var settleSource string

var (
	beginScript  = redis.NewScript(beginSource)
	settleScript = redis.NewScript(settleSource)
)

// The kinds of keys in Redis.
const (
	claimPrefix = "botgate:claim:"
	markPrefix  = "botgate:seen:"
	firstPrefix = "botgate:first:"
	countPrefix = "botgate:repeats:"
)

// shared remembers in Redis.
type shared struct{ client redis.UniversalClient }

var states = map[string]State{"first": First, "repeat": Repeat, "mismatch": Mismatch, "in flight": InFlight}

// begin fills in the claim's state, and takes the key where nobody has it.
func (s *shared) begin(ctx context.Context, c *Claim) error {
	found, err := beginScript.Run(ctx, s.client, []string{c.key.name(claimPrefix)},
		c.print[:], tokenText(c.token), c.terms.Lease.Milliseconds(), c.terms.Window.Milliseconds()).StringSlice()
	if err != nil {
		return err
	}
	if len(found) != 2 || states[found[0]] == 0 {
		return errRecord
	}
	if states[found[0]] == Repeat {
		if c.Answer, err = decode(found[1]); err != nil {
			return err
		}
	}
	c.State = states[found[0]]
	return nil
}

// settle ends a claim with its answer, or without one where the work failed, unless the key
// is another claim's by now.
func (s *shared) settle(ctx context.Context, c *Claim, answer ...any) error {
	args := append([]any{tokenText(c.token), c.terms.Window.Milliseconds()}, answer...)
	return settleScript.Run(ctx, s.client, []string{c.key.name(claimPrefix)}, args...).Err()
}

func tokenText(token uint64) string { return strconv.FormatUint(token, 36) }

// first fills in the ids that the keys are tied to, in one round trip.
func (s *shared) first(ctx context.Context, t Terms, keys []Key, ids, first []string) error {
	commands, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			p.SetNX(ctx, key.name(firstPrefix), ids[i], t.Window)
			p.Get(ctx, key.name(firstPrefix))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range first {
		first[i] = commands[2*i+1].(*redis.StringCmd).Val()
	}
	return nil
}

// seen fills in when what the keys are marked with happened, in one round trip.
func (s *shared) seen(ctx context.Context, keys []Key, marked []time.Time) error {
	commands, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Get(ctx, key.name(markPrefix))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for i, command := range commands {
		if at, err := command.(*redis.StringCmd).Int64(); err == nil {
			marked[i] = time.UnixMicro(at).UTC()
		}
	}
	return nil
}

// mark marks the keys, in one round trip.
func (s *shared) mark(ctx context.Context, keys []Key, at time.Time, window time.Duration) error {
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Set(ctx, key.name(markPrefix), at.UnixMicro(), window)
		}
		return nil
	})
	return err
}

func (s *shared) count(ctx context.Context, key Key, window time.Duration) (int, error) {
	commands, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, key.name(countPrefix))
		p.PExpire(ctx, key.name(countPrefix), window)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return int(commands[0].(*redis.IntCmd).Val()), nil
}
