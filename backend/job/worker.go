package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/retry"
	"github.com/botgate/botgate/internal/tracing"
)

const (
	// dueLimit bounds how many due jobs are read at once, to lease one of them.
	dueLimit = 50
	// sweepLimit bounds what is removed at once; sweepInterval is the pause after it.
	sweepLimit    = 100
	sweepInterval = time.Minute
	// settleTimeout bounds the write of a job's outcome.
	settleTimeout = 5 * time.Second
	// Grace is how long Run may take to stop, in addition to the time that a step of the kind
	// takes to notice the end of its context.
	Grace = 2 * settleTimeout
)

// backoff is the pause before a job that met a temporary error is due again.
var backoff = retry.Backoff{Min: 2 * time.Second, Max: 5 * time.Minute}

var (
	errNotRunning = errors.New("jobs are not being worked on")
	errPanicked   = errors.New("it panicked; the log has the stack")
)

// Healthy returns nil while jobs are worked on.
func (j *Jobs) Healthy() error {
	if err := j.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Run works on jobs until ctx ends, and then returns nil once the current one is requeued.
func (j *Jobs) Run(ctx context.Context) error {
	j.failure.Store(nil)
	defer j.failure.Store(&errNotRunning)
	var sweeper sync.WaitGroup
	defer sweeper.Wait()
	sweeper.Go(func() {
		for more := true; more; more = retry.Sleep(ctx, sweepInterval) {
			j.sweep(ctx)
		}
	})
	for ctx.Err() == nil {
		worked, err := j.workOnDue(ctx)
		switch {
		case err == nil:
			j.recovered()
		case ctx.Err() == nil:
			j.failed(err)
		}
		if !worked {
			retry.Wait(ctx, j.submitted, j.cfg.PollInterval)
		}
	}
	return nil
}

// sweep removes jobs that were final long ago.
func (j *Jobs) sweep(ctx context.Context) {
	if _, err := j.cfg.Engine.Sweep(ctx, now().Add(-retention), sweepLimit); err != nil && ctx.Err() == nil {
		j.failed(fmt.Errorf("removing old jobs: %w", err))
	}
}

// workOnDue works on the first due job that no other worker leases first, and reports whether
// there was one.
func (j *Jobs) workOnDue(ctx context.Context) (bool, error) {
	due, err := j.cfg.Engine.Due(ctx, now(), dueLimit)
	if err != nil {
		return false, fmt.Errorf("looking for due jobs: %w", err)
	}
	for _, found := range due {
		switch leased, err := j.take(ctx, found); {
		case errors.Is(err, ErrConflict):
		case err != nil:
			return false, fmt.Errorf("leasing a job: %w", err)
		case leased.Status.Final():
			j.logFinal(leased)
		default:
			j.work(ctx, leased)
			return true, nil
		}
	}
	return false, nil
}

// work runs a job for a slice of time and writes its outcome.
func (j *Jobs) work(ctx context.Context, leased *Job) {
	j.metrics.running.Inc()
	defer j.metrics.running.Dec()
	ctx, span := tracing.Work(ctx, j.cfg.Tracer, "job "+leased.Kind, leased.TraceParent)
	defer span.End()
	r := &Run{jobs: j, stopping: ctx, until: time.Now().Add(j.cfg.Slice), job: *leased}
	working, stop := context.WithCancelCause(ctx)
	renewing, stopRenewing := context.WithCancel(context.WithoutCancel(ctx))
	var renewal sync.WaitGroup
	renewal.Go(func() { r.renew(renewing, stop) })
	result, err := j.run(working, r)
	if cause := context.Cause(working); err != nil && (errors.Is(cause, errLost) || errors.Is(cause, errCancelled)) {
		err = cause
	}
	stopRenewing()
	renewal.Wait()
	stop(nil)
	if err != nil && ctx.Err() != nil && !errors.Is(err, errCancelled) && !errors.Is(err, errLost) {
		err = errInterrupted
	}
	j.settle(ctx, r, result, err)
	describe(span, r.Job())
}

// describe says in a span what came of a job in a slice of time.
func describe(span trace.Span, after Job) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("botgate.job.id", after.ID), attribute.String("botgate.outcome", string(after.Status)))
	if after.Status == StatusFailed {
		tracing.Fail(span, string(after.Status))
	}
}

// run calls the kind, whose panic must not end the process.
func (j *Jobs) run(ctx context.Context, r *Run) (result []byte, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			j.cfg.Logger.ErrorContext(ctx, "a job panicked", "job_id", r.job.ID, "panic", cause, "stack", string(debug.Stack()))
			err = errPanicked
		}
	}()
	made, err := j.cfg.Kinds[r.job.Kind].Run(ctx, r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(made)
}

// settle writes the outcome of a run. If that fails, the lease expires, and another worker
// resumes from the last checkpoint and arrives at the outcome again.
func (j *Jobs) settle(ctx context.Context, r *Run, result []byte, err error) {
	log := j.cfg.Logger.With("job_id", r.job.ID, "kind", r.job.Kind)
	if errors.Is(err, errLost) {
		log.WarnContext(ctx, "the lease of a job is lost")
		return
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	stopped := ctx.Err() != nil
	if failed := r.change(settling, func(next *Job) { outcome(next, result, err, stopped) }); failed != nil {
		log.WarnContext(ctx, "writing the outcome of a job failed", "error", failed)
		return
	}
	after := r.Job()
	if after.Status == StatusFailed {
		log.ErrorContext(ctx, "a job failed", "error", err)
	}
	switch {
	case after.Status.Final():
		j.logFinal(&after)
	case errors.As(err, new(*again)):
	case !errors.Is(err, errInterrupted):
		j.metrics.retries.Inc()
		log.WarnContext(ctx, "a job is retried", "due_at", after.DueAt, "error", err)
	}
}

// outcome changes a job by what its run returned.
func outcome(next *Job, result []byte, err error, stopped bool) {
	at, failed, temporary, recurs := now(), (*failure)(nil), (*later)(nil), (*again)(nil)
	switch {
	case err == nil:
		next.Result, next.Checkpoint = result, ""
		next.finish(StatusDone, at)
	case errors.Is(err, errCancelled), next.CancelAsked:
		next.finish(StatusCancelled, at)
	case errors.Is(err, errInterrupted):
		if stopped {
			next.Tries = max(0, next.Tries-1) // The job is not the reason.
		}
		next.requeue(at)
	case errors.As(err, &recurs):
		next.Tries = 0
		next.requeue(at.Add(recurs.after))
	case errors.As(err, &temporary) && next.Tries < maxTries:
		next.requeue(at.Add(backoff.Delay(next.Tries)))
	case errors.As(err, &failed):
		next.Error = failed.reason
		next.finish(StatusFailed, at)
	default:
		next.Error = "It failed; the log of the backend says why."
		next.finish(StatusFailed, at)
	}
}

// requeue releases the lease.
func (j *Job) requeue(due time.Time) {
	j.Status, j.Owner, j.LeaseUntil, j.DueAt = StatusQueued, "", time.Time{}, due
}

func (j *Jobs) logFinal(final *Job) {
	j.metrics.finish(final.Kind, final.Status)
	j.cfg.Logger.Info("a job is final", "job_id", final.ID, "kind", final.Kind, "status", final.Status)
}

// failed and recovered log the first of many failures of the engine, and their end.
func (j *Jobs) failed(err error) {
	if j.failure.Swap(&err) == nil {
		j.cfg.Logger.Warn("jobs can't be worked on", "error", err)
	}
}

func (j *Jobs) recovered() {
	if j.failure.Swap(nil) != nil {
		j.cfg.Logger.Info("jobs are worked on again")
	}
}
