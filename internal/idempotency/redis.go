package idempotency

import (
	"context"
	_ "embed"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/internal/redisclient"
)

//go:embed begin.lua
var beginSource string

//go:embed settle.lua
var settleSource string

// The kinds of keys in Redis.
const (
	claimPrefix = "botgate:claim:"
	markPrefix  = "botgate:seen:"
	firstPrefix = "botgate:first:"
	countPrefix = "botgate:repeats:"
)

// shared makes the commands of what is remembered in Redis.
type shared struct {
	pipe                      *redisclient.Pipe
	beginScript, settleScript redisclient.Script
}

func newShared(pipe *redisclient.Pipe) *shared {
	pipe.Connect()
	return &shared{pipe: pipe, beginScript: pipe.Script(beginSource), settleScript: pipe.Script(settleSource)}
}

// begin takes the key of the claim where nobody has it; [Claim.read] reads its answer.
func (s *shared) begin(c *Claim) *redis.StringCmd {
	return s.beginScript.Command([]string{c.key.name(claimPrefix)},
		c.print[:], tokenText(c.token), c.terms.Lease.Milliseconds(), c.terms.Window.Milliseconds())
}

var states = map[string]State{"first": First, "repeat": Repeat, "mismatch": Mismatch, "in flight": InFlight}

// read fills in the claim's state.
func (c *Claim) read(found string) (err error) {
	if state, known := states[found]; known && state != Repeat {
		c.State = state
		return nil
	}
	answer, repeat := strings.CutPrefix(found, "repeat ")
	if !repeat {
		return errRecord
	}
	if c.Answer, err = decode(answer); err == nil {
		c.State = Repeat
	}
	return err
}

// What becomes of a claim.
const (
	// done is work that has an answer.
	done = "done"
	// failed is work that a repeat is to do again.
	failed = "failed"
	// withdrawn is work that nobody began.
	withdrawn = "withdrawn"
)

// settle ends a claim, with the answer of what is done, unless the key is another claim's by now.
func (s *shared) settle(c *Claim, what string, answer ...any) redis.Cmder {
	args := append([]any{tokenText(c.token), c.terms.Window.Milliseconds(), what}, answer...)
	return s.settleScript.Command([]string{c.key.name(claimPrefix)}, args...)
}

func tokenText(token uint64) string { return strconv.FormatUint(token, 36) }

// first ties the keys to ids; every second command tells to which.
func (s *shared) first(ctx context.Context, t Terms, keys []Key, ids []string) (cmds []redis.Cmder) {
	for i, key := range keys {
		name := key.name(firstPrefix)
		cmds = append(cmds, redis.NewBoolCmd(ctx, "set", name, ids[i], "px", t.Window.Milliseconds(), "nx"),
			redis.NewStringCmd(ctx, "get", name))
	}
	return cmds
}

// seen asks when what the keys are marked with happened.
func (s *shared) seen(ctx context.Context, keys []Key) []redis.Cmder {
	cmds := make([]redis.Cmder, len(keys))
	for i, key := range keys {
		cmds[i] = redis.NewStringCmd(ctx, "get", key.name(markPrefix))
	}
	return cmds
}

// mark marks the keys.
func (s *shared) mark(ctx context.Context, keys []Key, at time.Time, window time.Duration) []redis.Cmder {
	cmds := make([]redis.Cmder, len(keys))
	for i, key := range keys {
		cmds[i] = redis.NewStatusCmd(ctx, "set", key.name(markPrefix), at.UnixMicro(), "px", window.Milliseconds())
	}
	return cmds
}

// count counts one more; the first command tells how many.
func (s *shared) count(ctx context.Context, key Key, window time.Duration) []redis.Cmder {
	name := key.name(countPrefix)
	return []redis.Cmder{
		redis.NewIntCmd(ctx, "incr", name), redis.NewBoolCmd(ctx, "pexpire", name, window.Milliseconds()),
	}
}
