package job

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// dueStep is how many due jobs a worker reads at once, to take one of them.
	dueStep = 50
	// settleTimeout bounds one try to write down what became of a job.
	settleTimeout = 5 * time.Second
	// Grace is how long Run may take to end besides what the kind's step takes to see that its
	// context ended.
	Grace = 2 * settleTimeout
	// minPause and maxPause bound how long a job waits that could not be gone on with.
	minPause = time.Second
	maxPause = 5 * time.Minute
)

var (
	errNotRunning = errors.New("jobs are not being worked on")
	errPanicked   = errors.New("it panicked; the log has the stack")
)

// Healthy returns nil while jobs are worked on.
func (j *Jobs) Healthy() error {
	if err := j.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// Run works on jobs until ctx ends, and then returns nil once those under way are given back.
func (j *Jobs) Run(ctx context.Context) error {
	j.trouble.Store(nil)
	defer j.trouble.Store(&errNotRunning)
	var workers sync.WaitGroup
	for range j.cfg.Concurrency {
		workers.Go(func() { j.poll(ctx) })
	}
	workers.Go(func() { every(ctx, sweepEvery, j.sweep) })
	workers.Wait()
	return nil
}

// poll works on due jobs, one after the other.
func (j *Jobs) poll(ctx context.Context) {
	ticker := time.NewTicker(j.cfg.WakeEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		worked, err := j.workOnDue(ctx)
		switch {
		case err == nil:
			j.recovered()
		case ctx.Err() == nil:
			j.troubled(err)
		}
		if worked {
			continue
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-j.submitted:
		}
	}
}

// workOnDue works on one of the jobs that are due, and reports whether there was one.
func (j *Jobs) workOnDue(ctx context.Context) (bool, error) {
	due, err := j.cfg.Engine.Due(ctx, now(), dueStep)
	if err != nil {
		return false, fmt.Errorf("looking for due jobs: %w", err)
	}
	for _, there := range due {
		taken, err := j.take(ctx, there.ID)
		if err != nil {
			return false, fmt.Errorf("leasing a job: %w", err)
		}
		if taken != nil {
			j.work(ctx, taken)
			return true, nil
		}
	}
	return false, nil
}

// take leases a job, or returns nil when there is nothing to be done about it, or not now.
func (j *Jobs) take(ctx context.Context, id string) (*Job, error) {
	for range maxConflicts {
		there, err := j.cfg.Engine.Load(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil, nil
		case err != nil:
			return nil, err
		case there.Status.Final(), there.leased(now()):
			return nil, nil
		}
		next, at := *there, now()
		next.Version, next.UpdatedAt = rand.Text(), at
		switch {
		case there.CancelAsked:
			next.finish(StatusCancelled, at)
		case there.Owner != "" && there.Crashes+1 >= maxCrashes:
			next.Error = fmt.Sprintf("%d workers ended while they had it.", maxCrashes)
			next.finish(StatusFailed, at)
		case j.cfg.Kinds[there.Kind] == nil:
			next.Error = "The backend knows no such kind of job any more."
			next.finish(StatusFailed, at)
		default:
			if there.Owner != "" {
				next.Crashes++ // Else it would have been given back.
			}
			next.Status, next.Owner = StatusRunning, rand.Text()
			next.Tries++
			j.lease(&next)
		}
		switch err := j.cfg.Engine.Store(ctx, &next, there.Version); {
		case errors.Is(err, ErrConflict):
		case err != nil:
			return nil, err
		case next.Status.Final():
			j.ended(&next)
			return nil, nil
		default:
			return &next, nil
		}
	}
	return nil, nil // Somebody is at it.
}

// work runs a job for a while and writes down what came of it.
func (j *Jobs) work(ctx context.Context, taken *Job) {
	j.metrics.running.Inc()
	defer j.metrics.running.Dec()
	r := &Run{jobs: j, stopping: ctx, until: time.Now().Add(j.cfg.Slice), job: *taken}
	working, stop := context.WithCancelCause(ctx)
	keeping, kept := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.keep(keeping, stop)
	}()
	result, err := j.run(working, r)
	if cause := context.Cause(working); err != nil && (errors.Is(cause, ErrLost) || errors.Is(cause, ErrCancelled)) {
		err = cause
	}
	kept()
	<-done
	stop(nil)
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrCancelled) && !errors.Is(err, ErrLost) {
		err = ErrInterrupted
	}
	j.settle(ctx, r, result, err)
}

// run calls the kind, which may panic without taking the process down.
func (j *Jobs) run(ctx context.Context, r *Run) (result []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			j.log.Error("a job panicked", slog.String("job_id", r.job.ID), slog.Any("panic", cause), slog.String("stack", string(debug.Stack())))
			err = errPanicked
		}
	}()
	made, err := j.cfg.Kinds[r.job.Kind].Run(ctx, r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(made)
}

// settle writes down what came of a run. What can't be written is found out again: the lease
// ends, and the job is gone on with from its last checkpoint.
func (j *Jobs) settle(ctx context.Context, r *Run, result []byte, err error) {
	log := j.log.With(slog.String("job_id", r.job.ID), slog.String("kind", r.job.Kind))
	if errors.Is(err, ErrLost) {
		log.Warn("a job was lost to another worker, or to time")
		return
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	stopped := ctx.Err() != nil
	if failed := r.change(settling, func(next *Job) { outcome(next, result, err, stopped) }); failed != nil {
		log.Warn("what came of a job can't be written down at present", slog.Any("error", failed))
		return
	}
	after := r.Job()
	switch {
	case after.Status == StatusFailed:
		log.Error("a job failed", slog.Any("error", err))
		j.ended(&after)
	case after.Status.Final():
		j.ended(&after)
	case errors.Is(err, ErrInterrupted):
	default:
		j.metrics.retries.Inc()
		log.Warn("a job can't be gone on with at present", slog.Time("again_at", after.WakeAt), slog.Any("error", err))
	}
}

// outcome is what a run makes of its job.
func outcome(next *Job, result []byte, err error, stopped bool) {
	at, failed, temporary := now(), (*failure)(nil), (*later)(nil)
	switch {
	case err == nil:
		next.Result, next.Checkpoint = result, ""
		next.finish(StatusDone, at)
	case errors.Is(err, ErrCancelled), next.CancelAsked:
		next.finish(StatusCancelled, at)
	case errors.Is(err, ErrInterrupted):
		if stopped {
			next.Tries = max(0, next.Tries-1) // It is not the job's doing.
		}
		next.giveBack(at)
	case errors.As(err, &temporary) && next.Tries < maxTries:
		next.giveBack(at.Add(min(minPause<<min(next.Tries, 10), maxPause)))
	case errors.As(err, &failed):
		next.Error = failed.reason
		next.finish(StatusFailed, at)
	default:
		next.Error = "It failed; the log of the backend says why."
		next.finish(StatusFailed, at)
	}
}

// giveBack leaves a job to whoever is next.
func (j *Job) giveBack(wake time.Time) {
	j.Status, j.Owner, j.LeaseUntil, j.WakeAt = StatusQueued, "", time.Time{}, wake
}

// ended tells of a job that is over.
func (j *Jobs) ended(done *Job) {
	j.metrics.finish(done.Kind, done.Status)
	j.log.Info("a job is over", slog.String("job_id", done.ID), slog.String("kind", done.Kind), slog.String("status", string(done.Status)))
}

// troubled and recovered log the first of many failures of the engine and its end.
func (j *Jobs) troubled(err error) {
	if j.trouble.Swap(&err) == nil {
		j.log.Warn("jobs can't be worked on at present", slog.Any("error", err))
	}
}

func (j *Jobs) recovered() {
	if j.trouble.Swap(nil) != nil {
		j.log.Info("jobs are worked on again")
	}
}
