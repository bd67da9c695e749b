package limit

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/botgate/botgate/internal/redisclient"
)

//go:embed take.lua
var takeSource string

// keyPrefix is what redis_rate puts before its keys.
const keyPrefix = "rate:"

const (
	// numberSize is that of a number in what the script takes and returns.
	numberSize = 8
	// asksPerKey and answersPerKey are how many numbers the script takes, and returns, for each key.
	asksPerKey, answersPerKey = 4, 5
	// refuse is the longest delay where nothing is taken on credit.
	refuse = -1
)

var errAnswer = errors.New("rate limit: unexpected answer of the script")

// shared counts in Redis.
type shared struct {
	pipe   *redisclient.Pipe
	script redisclient.Script
}

func newShared(pipe *redisclient.Pipe) *shared {
	pipe.Connect()
	return &shared{pipe: pipe, script: pipe.Script(takeSource)}
}

// Along returns a call that goes to Redis in the same round trip, or nil. It is called when there is one, at most once.
type Along func() *redisclient.Call

// ask is what one round trip is about.
type ask struct {
	budget time.Duration
	// maxDelay is that of what is taken on credit, in seconds, or refuse.
	maxDelay float64
	along    Along
}

// take fills in the results and how much was taken from each key: from all or from none, or on credit.
func (s *shared) take(ctx context.Context, a ask, takes []Take, results []Result, taken []int) error {
	var names [4]string
	keys := names[:0]
	for i := range takes {
		keys = append(keys, takes[i].ID.key(takes[i].Zone))
	}
	cmd := s.script.Command(keys, pack(a.maxDelay, takes)) //nolint:contextcheck // Its call ends with it.
	with := a.with()                                       // That may take its time, which is none of the budget.
	call := redisclient.NewCall(a.budget, cmd)
	if with != nil {
		s.pipe.Send(call, with)
	} else {
		s.pipe.Send(call)
	}
	if err := call.Wait(ctx); err != nil {
		return err
	}
	return unpack(cmd.Val(), results, taken)
}

func (a ask) with() *redisclient.Call {
	if a.along == nil {
		return nil
	}
	return a.along()
}

// pack makes the script's argument.
func pack(maxDelay float64, takes []Take) string {
	var space [128]byte
	text := appendNumbers(space[:0], maxDelay)
	for i := range takes {
		t := &takes[i]
		b := newBucket(t.Limit, 1)
		text = appendNumbers(text, b.interval, b.offset, float64(t.cost()), float64(t.most()))
	}
	return string(text)
}

func appendNumbers(text []byte, numbers ...float64) []byte {
	for _, n := range numbers {
		text = binary.BigEndian.AppendUint64(text, math.Float64bits(n))
	}
	return text
}

// unpack reads what the script says of the keys.
func unpack(text string, results []Result, taken []int) error {
	if len(text) != numberSize*answersPerKey*len(results) {
		return errAnswer
	}
	for i := range results {
		var n [answersPerKey]float64
		for j := range n {
			n[j] = math.Float64frombits(binary.BigEndian.Uint64([]byte(text[:numberSize])))
			text = text[numberSize:]
		}
		taken[i] = int(n[0])
		results[i] = Result{
			Known: true, Allowed: n[2] == -1, Remaining: int(n[1]),
			RetryAfter: seconds(max(0, n[2])), ResetAfter: seconds(n[3]), Delay: seconds(n[4]),
		}
	}
	return nil
}

// key is the ID's key in Redis, as redis_rate has it.
func (id ID) key(zone string) string {
	var space [128]byte
	text := append(append(append(append(space[:0], keyPrefix...), hashTag...), zone...), ':')
	return string(base64.RawURLEncoding.AppendEncode(text, id[:]))
}
