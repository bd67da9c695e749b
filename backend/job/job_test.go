package job_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/internal/queue"
)

func TestDone(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	j := e.jobs(e.engine)
	require.Error(t, j.Healthy())
	made := e.submit(j, 3)
	require.Equal(t, job.StatusQueued, made.Status)
	e.work(j)
	done := e.awaitStatus(made.ID, job.StatusDone)
	require.Equal(t, int64(3), done.Done)
	require.Equal(t, int64(3), done.Total)
	require.JSONEq(t, `{"counted":3}`, string(done.Result))
	require.False(t, done.FinishedAt.IsZero())
	require.Zero(t, done.DueAt)
	require.Empty(t, done.Owner)
	e.requireFile(made.ID, 3)
	require.NoError(t, j.Healthy())
}

func TestSubmitRefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	j := e.jobs(e.engine)
	var bad *job.ParameterError
	_, _, err := j.Submit(t.Context(), job.Request{Kind: "other", Parameters: []byte("1")})
	require.ErrorAs(t, err, &bad)
	require.Contains(t, bad.Detail, "count")
	_, _, err = j.Submit(t.Context(), job.Request{Kind: "count", Parameters: []byte("x")})
	require.ErrorAs(t, err, &bad)
	_, _, err = j.Submit(t.Context(), job.Request{Kind: "count", Parameters: []byte("1"), Bot: "nobody"})
	require.ErrorIs(t, err, job.ErrForbidden)
}

func TestSubmitTwice(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	j := e.jobs(e.engine)
	ask := func(parameters, bot string) (*job.Job, bool, error) {
		return j.Submit(t.Context(), job.Request{Kind: "count", Parameters: []byte(parameters), Bot: bot, Key: "key"})
	}
	first, created, err := ask("1", "")
	require.NoError(t, err)
	require.True(t, created)
	again, created, err := ask(" 1 "[1:2], "")
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, first, again)
	_, _, err = ask("2", "")
	require.ErrorIs(t, err, job.ErrKeyReused)
	other, created, err := ask("1", "demo")
	require.NoError(t, err)
	require.True(t, created, "another caller's key is another key")
	require.NotEqual(t, first.ID, other.ID)

	_, err = j.Get(t.Context(), first.ID, "demo")
	require.ErrorIs(t, err, job.ErrNotFound)
	_, err = j.Cancel(t.Context(), first.ID, "demo")
	require.ErrorIs(t, err, job.ErrNotFound)
	_, err = j.Get(t.Context(), other.ID, "demo")
	require.NoError(t, err)
}

func TestCancelQueued(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	j := e.jobs(e.engine)
	made := e.submit(j, 3)
	for range 2 {
		cancelled, err := j.Cancel(t.Context(), made.ID, "")
		require.NoError(t, err)
		require.Equal(t, job.StatusCancelled, cancelled.Status)
	}
	e.work(j)
	next := e.submit(j, 1)
	e.awaitStatus(next.ID, job.StatusDone)
	require.Zero(t, e.awaitStatus(made.ID, job.StatusCancelled).Done)
	_, err := j.Cancel(t.Context(), next.ID, "")
	require.ErrorIs(t, err, job.ErrFinished)
}

// TestCancelRunning cancels a job between two steps, and one whose step takes long.
func TestCancelRunning(t *testing.T) {
	t.Parallel()
	for name, long := range map[string]bool{"between steps": false, "within a step": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached, goOn := make(chan struct{}), make(chan struct{})
			e := newEnv(t, counter{step: func(ctx context.Context, _ *job.Run, n int) error {
				if n != 1 {
					return nil
				}
				close(reached)
				if long {
					<-ctx.Done()
					return ctx.Err()
				}
				<-goOn
				return nil
			}})
			e.lease = 2 * time.Second // It is renewed three times as often.
			j := e.jobs(e.engine)
			e.work(j)
			made := e.submit(j, 3)
			<-reached
			cancelled, err := e.jobs(e.engine).Cancel(t.Context(), made.ID, "")
			require.NoError(t, err)
			require.True(t, cancelled.CancelAsked)
			close(goOn)
			after := e.awaitStatus(made.ID, job.StatusCancelled)
			require.Less(t, after.Done, int64(3))
			require.False(t, after.CancelAsked)
		})
	}
}

// TestSlices has each step of a job be another turn.
func TestSlices(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	e.slice = time.Nanosecond
	for range 2 {
		e.work(e.jobs(e.engine))
	}
	j := e.jobs(e.engine)
	first, second := e.submit(j, 6), e.submit(j, 6)
	for _, made := range []*job.Job{first, second} {
		e.awaitStatus(made.ID, job.StatusDone)
		e.requireFile(made.ID, 6)
	}
}

// TestStop has a worker end within a step: the job goes on elsewhere at once.
func TestStop(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	var runs atomic.Int32
	e := newEnv(t, counter{step: func(ctx context.Context, _ *job.Run, n int) error {
		if n == 1 && runs.Add(1) == 1 {
			close(reached)
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}})
	j := e.jobs(e.engine)
	stop := e.work(j)
	made := e.submit(j, 3)
	<-reached
	stop()
	given := e.awaitStatus(made.ID, job.StatusQueued)
	require.Zero(t, given.Tries)
	require.Equal(t, int64(1), given.Done)
	e.work(e.jobs(e.engine))
	e.awaitStatus(made.ID, job.StatusDone)
	e.requireFile(made.ID, 3)
}

// TestTwoWorkers has several workers find one job, which only one of them may have.
func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	var at, most atomic.Int32
	e := newEnv(t, counter{step: func(context.Context, *job.Run, int) error {
		most.Store(max(most.Load(), at.Add(1)))
		defer at.Add(-1)
		<-time.After(time.Millisecond)
		return nil
	}})
	j := e.jobs(e.engine)
	made := e.submit(j, 30)
	for range 3 {
		e.work(e.jobs(e.engine))
	}
	e.awaitStatus(made.ID, job.StatusDone)
	e.requireFile(made.ID, 30)
	require.Equal(t, int32(1), most.Load())
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		step func() error
		want string
	}{
		"for the log":          {func() error { return errors.New("secret") }, "the log of the backend says why"},
		"for those who asked":  {func() error { return job.Failed("There are no days.") }, "There are no days."},
		"a panic":              {func() error { panic("secret") }, "the log of the backend says why"},
		"both late and failed": {func() error { return errors.Join(job.Failed("So."), errors.New("secret")) }, "So."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, counter{step: func(context.Context, *job.Run, int) error { return tc.step() }})
			j := e.jobs(e.engine)
			e.work(j)
			failed := e.awaitStatus(e.submit(j, 3).ID, job.StatusFailed)
			require.Contains(t, failed.Error, tc.want)
			require.NotContains(t, failed.Error, "secret")
		})
	}
}

func TestLater(t *testing.T) {
	t.Parallel()
	var tries atomic.Int32
	e := newEnv(t, counter{step: func(context.Context, *job.Run, int) error {
		if tries.Add(1) == 1 {
			return job.Later(errors.New("the database is down"))
		}
		return nil
	}})
	j := e.jobs(e.engine)
	e.work(j)
	made := e.submit(j, 2)
	e.awaitStatus(made.ID, job.StatusDone)
	e.requireFile(made.ID, 2)
}

// TestAgain has a job run again more often than one may fail.
func TestAgain(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	e := newEnv(t, counter{step: func(context.Context, *job.Run, int) error {
		if runs.Add(1) < 120 {
			return job.Again(time.Nanosecond)
		}
		return nil
	}})
	j := e.jobs(e.engine)
	e.work(j)
	e.awaitStatus(e.submit(j, 1).ID, job.StatusDone)
	require.EqualValues(t, 120, runs.Load())
}

// TestPoison finds the row that workers leave which were killed again and again.
func TestPoison(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	at := time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, e.engine.Create(t.Context(), &job.Job{
		ID: "poison", Kind: "count", Parameters: []byte("1"), Status: job.StatusRunning, Crashes: queue.CrashLimit - 1, Owner: "gone",
		LeaseUntil: at, DueAt: at, CreatedAt: at, UpdatedAt: at, Version: "v",
	}))
	e.work(e.jobs(e.engine))
	require.Contains(t, e.awaitStatus("poison", job.StatusFailed).Error, "6 workers ended")
}

// TestFoundByPolling has a worker find a job that was submitted before it started.
func TestFoundByPolling(t *testing.T) {
	t.Parallel()
	e := newEnv(t, counter{})
	made := &job.Job{
		ID: "lost", Kind: "count", Parameters: []byte("1"), Status: job.StatusQueued, Version: "v",
		CreatedAt: time.Now(), UpdatedAt: time.Now(), DueAt: time.Now(),
	}
	require.NoError(t, e.engine.Create(t.Context(), made))
	e.work(e.jobs(e.engine))
	e.awaitStatus("lost", job.StatusDone)
}
