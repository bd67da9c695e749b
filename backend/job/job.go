// Package job runs work that takes too long for a request: exports, rebuilds, replays. A job
// is a row of a table. Workers poll for rows that are due. A row is leased to one worker at a
// time, which saves a checkpoint after each step; a job whose worker was killed is resumed from
// its checkpoint once the lease is over.
package job

import (
	"context"
	"errors"
	"time"
)

// Status says where a job stands.
type Status string

// The statuses. The last three are final.
const (
	StatusQueued    Status = "queued"
	StatusRunning   Status = "running"
	StatusDone      Status = "done"
	StatusFailed    Status = "failed"
	StatusCancelled Status = "cancelled"
)

// Final reports whether a job with the status never changes again.
func (s Status) Final() bool {
	return s == StatusDone || s == StatusFailed || s == StatusCancelled
}

// Valid reports whether there is such a status.
func (s Status) Valid() bool { return s == StatusQueued || s == StatusRunning || s.Final() }

var (
	// ErrNotFound means that there is no job with the id, or none that the caller may see.
	ErrNotFound = errors.New("there is no such job")
	// ErrFinished means that a job is over and can't be cancelled any more.
	ErrFinished = errors.New("the job is over")
	// ErrKeyReused means that the caller's key belongs to a job with other parameters.
	ErrKeyReused = errors.New("the key belongs to another job")
	// ErrNoFile means that a job has no file to show, or none yet.
	ErrNoFile = errors.New("the job has no file")

	// ErrUnavailable means that the engine can't answer at present.
	ErrUnavailable = errors.New("jobs are unavailable")
	// ErrExists is what an engine answers when there is a job with the id already.
	ErrExists = errors.New("there is a job with this id")
	// ErrConflict is what an engine answers when the version to replace is not there.
	ErrConflict = errors.New("another version of the job is there")
)

// Job is a piece of work and how far it is. Times are UTC, in microseconds; the zero time
// stands for none.
type Job struct {
	ID string
	// Kind names what is to be done, Parameters say it in detail, as JSON.
	Kind       string
	Parameters []byte
	// Bot is the only bot that the job is about, as it was asked for by somebody who may see
	// no other; empty for those who may see all.
	Bot string

	Status Status
	// CancelAsked is set while a worker is still to find out that it shall stop.
	CancelAsked bool
	// Done and Total count the work, in what the kind counts; Total is 0 while it is unknown.
	Done, Total int64
	// Checkpoint is where to go on, in words of the kind's.
	Checkpoint string
	// Parts is how many parts of a file there are, see [Part].
	Parts int
	// Result is what came of a job that is done, as JSON.
	Result []byte
	// Error says why a job failed; it is for those who asked for it.
	Error string

	// Tries is how often the job was begun or gone on with since it last made progress, and
	// Crashes how many workers ended meanwhile without giving it back.
	Tries, Crashes int
	// Owner is the worker that has it until LeaseUntil.
	Owner      string
	LeaseUntil time.Time
	// WakeAt is when the job is due: at once, after a pause, or when its lease is over.
	WakeAt time.Time

	CreatedAt, UpdatedAt, FinishedAt time.Time
	// Version names this version of the row and never another.
	Version string
}

// leased reports whether a worker has the job.
func (j *Job) leased(at time.Time) bool { return j.Owner != "" && at.Before(j.LeaseUntil) }

// Part is a piece of the file that a job makes, in order. All of a job's are the file.
type Part struct {
	// Ref says where the piece is, in words of the kind's.
	Ref string
	// Size is its length in bytes.
	Size int64
}

// Query chooses jobs. Empty fields do not filter.
type Query struct {
	Status Status
	Bot    string
	// Limit is how many are returned at most, from 1.
	Limit int
	// After continues behind a job; zero starts with the newest.
	After Position
}

// Position is a place in a list of jobs.
type Position struct {
	CreatedAt time.Time
	ID        string
}

// orNewest is the position, or for the zero one the beginning of a list.
func (p Position) orNewest() Position {
	if p.CreatedAt.IsZero() {
		return Position{CreatedAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	return p
}

// Engine keeps jobs. Each call is atomic, may be made concurrently and by several processes,
// and a write that returned is seen by every call after it. What can't be done at present is
// ErrUnavailable.
type Engine interface {
	// Create adds a job, or returns ErrExists.
	Create(ctx context.Context, j *Job) error
	// Load returns a job, or ErrNotFound.
	Load(ctx context.Context, id string) (*Job, error)
	// Store writes a job in place of the version was, with the last ones of its parts, whose
	// number next.Parts includes. It returns ErrConflict when that version is not there. What
	// a job was created with does not change.
	Store(ctx context.Context, next *Job, was string, parts ...Part) error
	// Parts returns parts in order, without the first ones.
	Parts(ctx context.Context, id string, skip, limit int) ([]Part, error)
	// List returns jobs, newest first, by CreatedAt and ID.
	List(ctx context.Context, q Query) ([]*Job, error)
	// Due returns jobs whose WakeAt is not after then, the earliest first.
	Due(ctx context.Context, at time.Time, limit int) ([]*Job, error)
	// Sweep removes up to limit jobs that ended by then, and returns how many it did.
	Sweep(ctx context.Context, at time.Time, limit int) (int, error)
	// Ready says whether jobs can be read and written.
	Ready(ctx context.Context) error
}
