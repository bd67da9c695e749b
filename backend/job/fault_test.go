package job_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
)

// cut is the engine of a worker that loses its connection for good when it writes for the
// n-th time, before that write reached the database, or before its answer came back.
type cut struct {
	job.Engine
	n      int32
	after  bool
	writes atomic.Int32
}

var errCut = fmt.Errorf("%w: cut off", job.ErrUnavailable)

func (c *cut) gone() error {
	if c.writes.Load() >= c.n {
		return errCut
	}
	return nil
}

func (c *cut) Load(ctx context.Context, id string) (*job.Job, error) {
	if err := c.gone(); err != nil {
		return nil, err
	}
	return c.Engine.Load(ctx, id)
}

func (c *cut) Due(ctx context.Context, at time.Time, limit int) ([]*job.Job, error) {
	if err := c.gone(); err != nil {
		return nil, err
	}
	return c.Engine.Due(ctx, at, limit)
}

func (c *cut) Store(ctx context.Context, next *job.Job, was string, parts ...job.Part) error {
	if c.writes.Add(1) < c.n {
		return c.Engine.Store(ctx, next, was, parts...)
	}
	if c.after && c.writes.Load() == c.n {
		return errors.Join(c.Engine.Store(ctx, next, was, parts...), errCut)
	}
	return errCut
}

// TestCrash has a worker vanish at each of its writes: another one goes on where it was.
func TestCrash(t *testing.T) {
	t.Parallel()
	const steps = 4
	for n := int32(1); n <= steps+2; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, done %t", n, after), func(t *testing.T) {
				t.Parallel()
				e := newEnv(t, counter{})
				e.lease = 2 * time.Second
				engine := &cut{Engine: e.engine, n: n, after: after}
				first := e.jobs(engine)
				stop := e.work(first)
				made := e.submit(first, steps)
				require.Eventually(t, func() bool { return engine.writes.Load() >= n }, patience, time.Millisecond)
				e.work(e.jobs(e.engine))
				e.awaitStatus(made.ID, job.StatusDone)
				e.requireFile(made.ID, steps)
				stop()
				e.requireFile(made.ID, steps)
			})
		}
	}
}

// flaky loses the answer of every third write.
type flaky struct {
	job.Engine
	writes atomic.Int32
}

func (f *flaky) Store(ctx context.Context, next *job.Job, was string, parts ...job.Part) error {
	err := f.Engine.Store(ctx, next, was, parts...)
	if f.writes.Add(1)%3 == 0 {
		return errors.Join(err, errCut)
	}
	return err
}

// TestLostAnswers has writes happen whose answers are lost.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	e.lease = 2 * time.Second
	j := e.jobs(&flaky{Engine: e.engine})
	e.work(j)
	made := e.submit(j, 5)
	e.awaitStatus(made.ID, job.StatusDone)
	e.requireFile(made.ID, 5)
}

// TestSlowStep has a worker sleep for longer than its lease, as a suspended machine does: its
// writes are fenced.
func TestSlowStep(t *testing.T) {
	t.Parallel()
	e := newEnv(t, nil)
	e.lease = 2 * time.Second
	reached, goOn := make(chan struct{}), make(chan struct{})
	lost := make(chan error, 1)
	e.kinds["count"] = counter{step: func(ctx context.Context, r *job.Run, n int) error {
		if n != 1 {
			return nil
		}
		close(reached)
		<-goOn
		err := r.Save(context.WithoutCancel(ctx), job.Progress{Done: 100, Checkpoint: "100"}, job.Part{Ref: "stray"})
		lost <- err
		return err
	}}
	asleep := &cut{Engine: e.engine, n: 1 << 10}
	e.work(e.jobs(asleep))
	made := e.submit(e.jobs(e.engine), 3)
	<-reached
	asleep.writes.Store(1 << 20)
	e.kinds = map[string]job.Kind{"count": counter{}}
	e.work(e.jobs(e.engine))
	e.awaitStatus(made.ID, job.StatusDone)
	asleep.writes.Store(-1 << 20) // Awake again.
	close(goOn)
	require.ErrorIs(t, <-lost, job.ErrLost)
	e.requireFile(made.ID, 3)
}
