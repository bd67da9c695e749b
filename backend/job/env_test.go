package job_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/job/jobtest"
)

// patience is how long tests wait for what must happen.
const patience = time.Minute

// env is a place for jobs, with the embedded engine.
type env struct {
	t      *testing.T
	engine job.Engine
	kinds  map[string]job.Kind
	lease  time.Duration
	slice  time.Duration
}

func newEnv(t *testing.T, kind job.Kind) *env {
	t.Helper()
	return &env{t: t, engine: jobtest.Engine(t), kinds: map[string]job.Kind{"count": kind}, lease: 10 * time.Second}
}

// jobs are those of a process of their own.
func (e *env) jobs(engine job.Engine) *job.Jobs {
	e.t.Helper()
	j, err := job.New(job.Config{
		Engine: engine, Kinds: e.kinds, Lease: e.lease, Slice: e.slice, PollInterval: 10 * time.Millisecond,
	})
	require.NoError(e.t, err)
	return j
}

// work starts a worker, which stop ends.
func (e *env) work(j *job.Jobs) (stop func()) {
	e.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(e.t, <-ended)
	})
	e.t.Cleanup(stop)
	return stop
}

// submit asks for a job of so many steps.
func (e *env) submit(j *job.Jobs, steps int) *job.Job {
	e.t.Helper()
	made, created, err := j.Submit(e.t.Context(), job.Request{Kind: "count", Parameters: []byte(strconv.Itoa(steps))})
	require.NoError(e.t, err)
	require.True(e.t, created)
	return made
}

// await waits for a job to be as ok wants it.
func (e *env) await(id string, ok func(*job.Job) bool) *job.Job {
	e.t.Helper()
	var last *job.Job
	require.Eventually(e.t, func() bool {
		found, err := e.engine.Load(e.t.Context(), id)
		require.NoError(e.t, err)
		last = found
		return ok(found)
	}, patience, 5*time.Millisecond)
	return last
}

func (e *env) awaitStatus(id string, want job.Status) *job.Job {
	e.t.Helper()
	return e.await(id, func(j *job.Job) bool { return j.Status == want })
}

// requireFile demands that a job made each part of its file once.
func (e *env) requireFile(id string, steps int) {
	e.t.Helper()
	parts, err := e.engine.Parts(e.t.Context(), id, 0, steps+10)
	require.NoError(e.t, err)
	want := make([]job.Part, steps)
	for n := range want {
		want[n] = part(n)
	}
	require.Equal(e.t, want, parts)
}

func part(n int) job.Part { return job.Part{Ref: fmt.Sprint("part ", n), Size: int64(n)} }

// counter is a kind that counts to its parameter, and makes a part in each step.
type counter struct {
	// step is called in each step; nil for nothing.
	step func(ctx context.Context, r *job.Run, n int) error
}

func (c counter) Prepare(parameters []byte, bot string) ([]byte, error) {
	if bot == "nobody" {
		return nil, job.ErrForbidden
	}
	n, err := strconv.Atoi(string(parameters))
	if err != nil {
		return nil, job.BadParameter("Give a number.")
	}
	return json.Marshal(n)
}

func (c counter) Run(ctx context.Context, r *job.Run) (any, error) {
	var steps int
	now := r.Job()
	if err := json.Unmarshal(now.Parameters, &steps); err != nil {
		return nil, err
	}
	n, _ := strconv.Atoi(now.Checkpoint) // Empty at the beginning.
	for ; n < steps; n++ {
		if c.step != nil {
			if err := c.step(ctx, r, n); err != nil {
				return nil, err
			}
		}
		err := r.Save(ctx, job.Progress{Done: int64(n + 1), Total: int64(steps), Checkpoint: n + 1}, part(n))
		if err != nil {
			return nil, err
		}
	}
	return map[string]int{"counted": n}, nil
}
