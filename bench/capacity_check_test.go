package bench

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/capacity"
)

const (
	// checkEnv asks for the check, which takes minutes and wants the machine for itself.
	checkEnv = "BOTGATE_CAPACITY_CHECK"
	// most is the error of a prediction that is still good.
	most = 0.2
	// p99Most is the answer's delay that is held, which is what the alert LatencyHigh has.
	p99Most = 200 * time.Millisecond
	// quietMost is the share of the machine that others may take before the figures mean little.
	quietMost = 0.1
)

// shape is a kind of load.
type shape struct {
	name string
	size int
	// answer is how long the bot takes.
	answer time.Duration
	// bottleneck is the part that the model has to name.
	bottleneck string
}

// TestCapacity compares what the model predicts with what the programs do, on this machine and with constants that are
// measured in the same run: how much goes through, and at 130 % of that what is used up; at 80 % answers have to be
// quick, and nothing may pile up.
func TestCapacity(t *testing.T) {
	if os.Getenv(checkEnv) == "" {
		t.Skip("make capacity-check runs it")
	}
	s := startServers(t, buildPrograms(t), "auto")
	c := s.calibrate()
	t.Logf("calibrated with bodies of %d and %d bytes; %.0f %% of the processors were busy", smallBody, largeBody, c.busy*100)
	for _, sh := range []shape{
		{name: "many small", size: 600, bottleneck: "machine"},
		{name: "few large", size: 16_000, bottleneck: "machine"},
		{name: "slow bot", size: 600, answer: 300 * time.Millisecond, bottleneck: "requests to bots"},
	} {
		t.Run(sh.name, func(t *testing.T) { s.check(t, c, sh) })
	}
}

func (s *stack) check(t *testing.T, c calibration, sh shape) {
	s.answerTime.Store(int64(sh.answer))
	full := s.run(sh.size, 0, warmTime, measureTime)
	predicted := predict(t, c, sh, full)
	limit, measured := predicted.Limit(), full.completed()
	failure := limit/measured - 1
	t.Logf("as fast as it goes: %.0f events/s predicted, %.0f measured, error %+.0f %%; bottleneck %q; others took %.0f %% of the machine",
		limit, measured, failure*100, bottleneck(predicted), 100*full.others())
	below := s.run(sh.size, 0.8*limit, warmTime, measureTime)
	t.Logf(" 80 %%, %5.0f/s: %s", 0.8*limit, below)
	above := s.run(sh.size, 1.3*limit, warmTime, measureTime)
	t.Logf("130 %%, %5.0f/s: %s", 1.3*limit, above)
	if others := max(full.others(), below.others(), above.others()); others > quietMost {
		t.Errorf("others took %.0f %% of the machine: run it again when it is quiet", others*100)
	}
	require.InDelta(t, 0, failure, most, "the prediction")
	require.Equal(t, sh.bottleneck, bottleneck(predicted), "the bottleneck that is predicted")
	require.Less(t, below.p99, p99Most, "the answers at 80 %")
	require.Less(t, below.backlog, 0.05*below.accepted, "what piles up at 80 %")
	require.Greater(t, 1.3*limit*above.took.Seconds()-min(above.delivered, above.entries/2), 0.1*above.accepted, "what 130 % has more than goes through")
	require.Equal(t, sh.bottleneck, above.bottleneck(), "what is used up at 130 %")
}

// predict asks the model what goes through this machine, without what others take and without what the load and the
// bot take, which are here.
func predict(t *testing.T, c calibration, sh shape, full window) capacity.Plan {
	constants := capacity.Constants{Measured: capacity.Measured{Cores: runtime.NumCPU()}, Servers: c.servers()}
	load := capacity.DefaultLoad()
	load.Rate, load.Body, load.OneMachine, load.Dispatch = 1, sh.size, true, 1
	load.AnswerTime = max(sh.answer, time.Millisecond)
	load.Cores = float64(runtime.NumCPU())*c.busy - full.foreign/full.took.Seconds()
	plan, err := capacity.New(load, constants)
	require.NoError(t, err)
	own := 0.0 // Of an event, in seconds.
	for _, line := range plan.Lines {
		if line.Part == "machine" {
			own = load.Cores / line.Limit
		}
	}
	generator := c.cost("generator", 1, 1)
	load.Cores *= own / (own + (generator.Event+generator.Kilobyte*float64(sh.size)/1000)/1e6)
	plan, err = capacity.New(load, constants)
	require.NoError(t, err)
	return plan
}

// bottleneck is the part with the lowest limit.
func bottleneck(p capacity.Plan) string {
	for _, line := range p.Lines {
		if line.Unit == "events/s" {
			return line.Part
		}
	}
	return ""
}

// others is the share of the machine that other programs took.
func (w window) others() float64 {
	return w.foreign / w.took.Seconds() / float64(runtime.NumCPU())
}

// bottleneck is the part that was used up most.
func (w window) bottleneck() string {
	if w.atOnce/capacity.Concurrency > w.busy {
		return "requests to bots"
	}
	return "machine"
}

func (w window) String() string {
	return fmt.Sprintf("%.0f/s through, p99 %.0f ms, %+.0f wait, processors %.0f %% busy, %.0f of %d requests to bots under way",
		w.completed(), w.p99.Seconds()*1000, w.backlog, w.busy*100, w.atOnce, capacity.Concurrency)
}
