// Package job runs work that takes too long for a request: exports, rebuilds, replays. A job
// is a row of a table. Workers poll for rows that are due. A row is leased to one worker at a
// time, which saves a checkpoint after each step; a job whose worker was killed is resumed from
// its checkpoint once the lease expires. docs/decisions/0002-background-jobs.md says why this
// is no library.
package job

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// Status is the state of a job.
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

var (
	// ErrNotFound means that there is no job with the id, or none that the caller may see.
	ErrNotFound = errors.New("there is no such job")
	// ErrFinished means that a job is final and can't be cancelled any more.
	ErrFinished = errors.New("the job is final")
	// ErrKeyReused means that the caller's key belongs to a job with other parameters.
	ErrKeyReused = errors.New("the key belongs to another job")
	// ErrNoFile means that a job has no file, or none yet.
	ErrNoFile = errors.New("the job has no file")

	// ErrUnavailable means that the engine can't be reached or fails.
	ErrUnavailable = errors.New("jobs are unavailable")
	// ErrExists is returned by an engine when there is a job with the id already.
	ErrExists = errors.New("there is a job with this id")
	// ErrConflict is returned by an engine when the row has another version than expected.
	ErrConflict = errors.New("another version of the job is there")
)

// Job is a piece of work and how far it is. Times are UTC, in microseconds; the zero time
// stands for none. As JSON it is what those who asked for it see.
type Job struct {
	ID string `json:"id"`
	// Kind is the name of a [Kind], Parameters are what it prepared.
	Kind       string          `json:"kind"`
	Parameters json.RawMessage `json:"parameters"`
	// Bot is the bot that the caller was restricted to, and thus the job; empty for no
	// restriction.
	Bot string `json:"-"`

	// AskedBy is the user who asked for it; empty where nobody was named.
	AskedBy string `json:"asked_by,omitempty"`

	Status Status `json:"status"`
	// CancelAsked is set from the cancel of a running job until its worker notices.
	CancelAsked bool `json:"cancel_asked,omitempty"`
	// Done and Total are the progress, in units of the kind; Total is 0 while it is unknown.
	Done  int64 `json:"done"`
	Total int64 `json:"total,omitempty"`
	// Checkpoint is where to resume, as the kind's JSON; empty at the beginning.
	Checkpoint string `json:"-"`
	// Parts is how many parts of a file there are, see [Part].
	Parts int `json:"-"`
	// Result is the result of a job that is done.
	Result json.RawMessage `json:"result,omitempty"`
	// Error says why a job failed, to those who asked for it.
	Error string `json:"error,omitempty"`

	// Tries counts the attempts since the last checkpoint, Crashes those whose worker died.
	Tries   int `json:"-"`
	Crashes int `json:"-"`
	// Owner is the worker that leases the job until LeaseUntil.
	Owner      string    `json:"-"`
	LeaseUntil time.Time `json:"-"`
	// DueAt is when a worker may take the job: at once, after a backoff, or when the lease
	// expires.
	DueAt time.Time `json:"-"`

	// TraceParent is the span of the request that asked for it; empty without traces.
	TraceParent string `json:"-"`

	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	// Version is random and new with each write, for optimistic locking.
	Version string `json:"-"`
}

// Position is the job's place in the order of a list.
func (j *Job) Position() store.Position { return store.Position{Time: j.CreatedAt, ID: j.ID} }

// Part is a piece of the file that a job makes. All parts of a job in order are the file.
type Part struct {
	// Ref is where the piece is, in the kind's own format.
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
	// After continues after a job; zero starts with the newest.
	After store.Position
}

// Engine keeps jobs. Each call is atomic, may be made concurrently and by several processes,
// and a write that returned is seen by every call after it. Failures of the database are
// ErrUnavailable.
type Engine interface {
	// Create adds a job, or returns ErrExists.
	Create(ctx context.Context, j *Job) error
	// Load returns a job, or ErrNotFound.
	Load(ctx context.Context, id string) (*Job, error)
	// Store replaces the version was of a job and appends parts, which next.Parts counts. It
	// returns ErrConflict when the row has another version. ID, Kind, Bot, TraceParent and CreatedAt
	// never change.
	Store(ctx context.Context, next *Job, was string, parts ...Part) error
	// Parts returns up to limit parts in order, after the first skip ones.
	Parts(ctx context.Context, id string, skip, limit int) ([]Part, error)
	// List returns jobs, newest first, by CreatedAt and ID.
	List(ctx context.Context, q Query) ([]*Job, error)
	// Changed returns up to limit jobs that were written since then, by UpdatedAt, the latest first.
	Changed(ctx context.Context, since time.Time, limit int) ([]*Job, error)
	// Due returns up to limit jobs whose DueAt is not after at, the earliest first.
	Due(ctx context.Context, at time.Time, limit int) ([]*Job, error)
	// Sweep removes up to limit jobs that were final by then, and returns how many.
	Sweep(ctx context.Context, at time.Time, limit int) (int, error)
	// Ready returns nil when jobs can be read and written.
	Ready(ctx context.Context) error
}
