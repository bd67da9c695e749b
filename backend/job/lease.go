package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

// take leases a due job, or makes it final when it must not run. It returns ErrConflict when
// another worker, or a cancel, was faster.
func (j *Jobs) take(ctx context.Context, due *Job) (*Job, error) {
	next, at := *due, now()
	next.Version, next.UpdatedAt = rand.Text(), at
	crashed := due.Owner != "" // Else its worker would have requeued it.
	switch {
	case due.CancelAsked:
		next.finish(StatusCancelled, at)
	case crashed && due.Crashes+1 >= maxCrashes:
		next.Error = fmt.Sprintf("%d workers ended while they had it.", maxCrashes)
		next.finish(StatusFailed, at)
	case j.cfg.Kinds[due.Kind] == nil:
		next.Error = "The backend knows no such kind of job any more."
		next.finish(StatusFailed, at)
	default:
		if crashed {
			next.Crashes++
		}
		next.Status, next.Owner = StatusRunning, rand.Text()
		next.Tries++
		j.lease(&next)
	}
	return &next, j.store(ctx, &next, due.Version)
}

// lease leases the job to its owner, or renews the lease. It is due again when that expires.
func (j *Jobs) lease(to *Job) {
	to.LeaseUntil = now().Add(j.cfg.Lease)
	to.DueAt = to.LeaseUntil
}

// renew renews the lease until ctx ends. It calls stop with errCancelled or errLost when the
// worker has to stop.
func (r *Run) renew(ctx context.Context, stop context.CancelCauseFunc) {
	interval := r.jobs.cfg.Lease / 3
	for retry.Sleep(ctx, interval) {
		err := r.change(ctx, r.jobs.lease)
		current := r.Job()
		switch {
		case errors.Is(err, errLost), err != nil && time.Until(current.LeaseUntil) < interval:
			stop(errLost)
			return
		case err != nil:
			r.jobs.cfg.Logger.Warn("renewing the lease of a job failed", "job_id", current.ID, "error", err)
		case current.CancelAsked:
			stop(errCancelled)
			return
		}
	}
}

// leased reports whether a worker leases the job.
func (j *Job) leased(at time.Time) bool { return j.Owner != "" && at.Before(j.LeaseUntil) }
