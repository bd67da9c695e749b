package job

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/botgate/botgate/internal/retry"
)

// retryPause is the pause between two attempts to write a row.
const retryPause = 50 * time.Millisecond

// Progress is how far a job is.
type Progress struct {
	// Done and Total are those of [Job].
	Done, Total int64
	// Checkpoint is where to resume; it becomes JSON.
	Checkpoint any
}

// Run is a job that a worker leases.
type Run struct {
	jobs *Jobs
	// stopping ends when the process stops, until is the end of the slice.
	stopping context.Context
	until    time.Time

	mu  sync.Mutex
	job Job
}

// Job returns the job as it was saved last.
func (r *Run) Job() Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job
}

// Save stores the checkpoint and the new parts of the file in one transaction, and renews the
// lease. It returns errInterrupted, errCancelled, errLost, or an error of [Later].
func (r *Run) Save(ctx context.Context, p Progress, parts ...Part) error {
	checkpoint, err := json.Marshal(p.Checkpoint)
	if err != nil {
		return err
	}
	err = r.change(ctx, func(j *Job) {
		j.Done, j.Total, j.Checkpoint = p.Done, p.Total, string(checkpoint)
		j.Tries, j.Crashes = 0, 0
		j.Parts += len(parts)
		r.jobs.lease(j)
	}, parts...)
	switch {
	case errors.Is(err, errLost):
		return err
	case err != nil:
		return Later(fmt.Errorf("saving the progress of a job: %w", err))
	case r.Job().CancelAsked:
		return errCancelled
	case r.stopping.Err() != nil, time.Now().After(r.until):
		return errInterrupted
	}
	return nil
}

// change writes the job as change makes it, and retries for a third of the lease. It returns
// errLost when another worker has the job, or may have it.
func (r *Run) change(ctx context.Context, change func(*Job), parts ...Part) error {
	ctx, cancel := context.WithTimeout(ctx, r.jobs.cfg.Lease/3)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	version := rand.Text()
	for {
		if !r.job.leased(now()) {
			return errLost
		}
		err := r.store(ctx, version, change, parts)
		if err == nil || errors.Is(err, errLost) || !retry.Sleep(ctx, retryPause) {
			return err
		}
	}
}

// store writes a version, unless it is there already: the answer to an earlier attempt may be lost.
func (r *Run) store(ctx context.Context, version string, change func(*Job), parts []Part) error {
	next := r.job
	change(&next)
	next.Version, next.UpdatedAt = version, now()
	err := r.jobs.store(ctx, &next, r.job.Version, parts...)
	if err == nil {
		r.job = next
	}
	if !errors.Is(err, ErrConflict) {
		return err
	}
	there, failed := r.jobs.cfg.Engine.Load(ctx, r.job.ID)
	switch {
	case errors.Is(failed, ErrNotFound):
		return errLost
	case failed != nil:
		return failed
	case there.Version == version:
		r.job = *there
		return nil
	case there.Owner != r.job.Owner:
		return errLost
	}
	r.job = *there
	return err
}
