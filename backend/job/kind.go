package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// EraseKind is the name of the kind that erases a user. It has a request of its own, which erases the rest, too.
const EraseKind = "erase"

// Kind is a kind of work.
type Kind interface {
	// Prepare checks parameters, a JSON object, and returns them in a canonical form: equal
	// requests are equal bytes. A bot, unless empty, restricts the job to that bot's data. Its
	// errors are a [ParameterError] and ErrForbidden.
	Prepare(parameters []byte, bot string) ([]byte, error)
	// Run works on a job from its checkpoint on, calls [Run.Save] after each step, and returns
	// its errors. The result becomes JSON. An error of [Later] is retried with a backoff, and one of
	// [Again] has the job run again; one of [Failed] is shown to those who asked for the job; any
	// other is for the log only.
	Run(ctx context.Context, r *Run) (result any, err error)
}

// Filer is a kind whose jobs make files.
type Filer interface {
	Kind
	// File says what the file of a job is.
	File(j *Job) File
	// ReadPart returns a part, or ErrNoFile once it is removed.
	ReadPart(ctx context.Context, p Part) ([]byte, error)
}

// Discreet is a kind whose parameters name somebody, which they do no longer once a job is final.
type Discreet interface {
	Kind
	// Redact returns what is kept of parameters that were prepared.
	Redact(parameters []byte) ([]byte, error)
}

// File describes a file.
type File struct {
	// Name is one to save it under.
	Name string
	// ContentType is the media type, and Encoding in what coding the parts are: "gzip", or
	// empty. Parts can be decoded one by one.
	ContentType, Encoding string
}

// ErrForbidden means that the caller must not ask for such a job.
var ErrForbidden = errors.New("such jobs are for those who may see all bots")

// ParameterError says what a caller has to correct.
type ParameterError struct{ Detail string }

// Error implements error.
func (e *ParameterError) Error() string { return "the job's parameters: " + e.Detail }

// BadParameter returns a [ParameterError].
func BadParameter(format string, args ...any) error {
	return &ParameterError{fmt.Sprintf(format, args...)}
}

// Decode reads the parameters, and the checkpoint if there is one, from JSON.
func (j *Job) Decode(parameters, checkpoint any) error {
	if err := json.Unmarshal(j.Parameters, parameters); err != nil {
		return fmt.Errorf("reading the parameters: %w", err)
	}
	if j.Checkpoint == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(j.Checkpoint), checkpoint); err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	return nil
}

type failure struct{ reason string }

func (f *failure) Error() string { return f.reason }

// Failed returns the error of a job that can't be done, with a reason for those who asked.
func Failed(reason string) error { return &failure{reason} }

type later struct{ error }

func (l *later) Unwrap() error { return l.error }

// Later marks an error that may be temporary.
func Later(err error) error { return &later{err} }

type again struct{ after time.Duration }

func (*again) Error() string { return "the job is to run again" }

// Again is what a job returns that has more to do after a while; it has saved where to resume.
func Again(after time.Duration) error { return &again{after} }

var (
	// errInterrupted is returned by [Run.Save] when the worker has to stop here, as its slice is
	// over or the process stops. The step is saved; the job is requeued.
	errInterrupted = errors.New("the job is requeued")
	// errCancelled is returned by [Run.Save] when the job is cancelled.
	errCancelled = errors.New("the job was cancelled")
	// errLost is returned by [Run.Save] when the lease is lost. The step is not saved.
	errLost = errors.New("the lease of the job is lost")
)
