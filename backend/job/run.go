package job

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// retryPause is the pause between two tries to write a job down.
const retryPause = 50 * time.Millisecond

// Progress is how far a job is.
type Progress struct {
	// Done and Total are those of [Job].
	Done, Total int64
	// Checkpoint is where to go on from here.
	Checkpoint string
}

// Run is a job in the hands of a worker.
type Run struct {
	jobs *Jobs
	// stopping ends when the process does; until is when others get their turn.
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

// Save notes durably how far the job is, together with parts of its file that are new. They
// are noted both or neither. It returns ErrInterrupted, ErrCancelled, ErrLost, or an error of
// [Later].
func (r *Run) Save(ctx context.Context, p Progress, parts ...Part) error {
	err := r.change(ctx, func(j *Job) {
		j.Done, j.Total, j.Checkpoint = p.Done, p.Total, p.Checkpoint
		j.Tries, j.Crashes = 0, 0
		j.Parts += len(parts)
		r.jobs.lease(j)
	}, parts...)
	switch {
	case errors.Is(err, ErrLost):
		return err
	case err != nil:
		return Later(fmt.Errorf("saving the progress of a job: %w", err))
	case r.Job().CancelAsked:
		return ErrCancelled
	case r.stopping.Err() != nil, time.Now().After(r.until):
		return ErrInterrupted
	}
	return nil
}

// Compute does tasks that keep a processor busy, not more of them at once in this process
// than it has processors. It returns the first error.
func (r *Run) Compute(ctx context.Context, tasks ...func() error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, task := range tasks {
		group.Go(func() error {
			if err := r.jobs.processors.Acquire(ctx, 1); err != nil {
				return err
			}
			defer r.jobs.processors.Release(1)
			return task()
		})
	}
	return group.Wait()
}

// lease gives the job to its owner for another while.
func (j *Jobs) lease(to *Job) {
	to.LeaseUntil = now().Add(j.cfg.Lease)
	to.WakeAt = to.LeaseUntil
}

// change writes the job as change makes it, and tries for a while. It returns ErrLost when it is
// another's by now, or may be.
func (r *Run) change(ctx context.Context, change func(*Job), parts ...Part) error {
	ctx, cancel := context.WithTimeout(ctx, r.jobs.cfg.Lease/3)
	defer cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	version := rand.Text()
	for {
		if !r.job.leased(now()) {
			return ErrLost
		}
		err := r.store(ctx, version, change, parts)
		if err == nil || errors.Is(err, ErrLost) || !sleep(ctx, retryPause) {
			return err
		}
	}
}

// store writes a version, unless it is there already: the answer to an earlier try may be lost.
func (r *Run) store(ctx context.Context, version string, change func(*Job), parts []Part) error {
	next := r.job
	change(&next)
	next.Version, next.UpdatedAt = version, now()
	err := r.jobs.cfg.Engine.Store(ctx, &next, r.job.Version, parts...)
	if err == nil {
		r.job = next
	}
	if !errors.Is(err, ErrConflict) {
		return err
	}
	there, failed := r.jobs.cfg.Engine.Load(ctx, r.job.ID)
	switch {
	case errors.Is(failed, ErrNotFound):
		return ErrLost
	case failed != nil:
		return failed
	case there.Version == version:
		r.job = *there
		return nil
	case there.Owner != r.job.Owner:
		return ErrLost
	}
	r.job = *there
	return err
}

// keep renews the lease until ctx ends. It calls stop with ErrCancelled or ErrLost when the job
// is not to be worked on any more.
func (r *Run) keep(ctx context.Context, stop context.CancelCauseFunc) {
	pause := r.jobs.cfg.Lease / 3
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.change(ctx, r.jobs.lease)
		current := r.Job()
		switch {
		case errors.Is(err, ErrLost), err != nil && time.Until(current.LeaseUntil) < pause:
			stop(ErrLost)
			return
		case err != nil:
			r.jobs.log.Warn("the lease of a job can't be renewed at present", slog.String("job_id", current.ID), slog.Any("error", err))
		case current.CancelAsked:
			stop(ErrCancelled)
			return
		}
	}
}
