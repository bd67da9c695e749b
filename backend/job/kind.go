package job

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Kind is a kind of work.
type Kind interface {
	// Prepare checks parameters, a JSON object, and returns them in one form: the same
	// wish gives the same bytes. A bot restricts what may be asked for to what is about it.
	// What is wrong with them is a [ParameterError], or ErrForbidden.
	Prepare(parameters []byte, bot string) ([]byte, error)
	// Run works on a job from its checkpoint on, and calls [Run.Save] after each step,
	// whose errors it returns. The result is to become JSON. An error of [Later] has the job
	// gone on with after a while, one of [Failed] says to those who asked why it failed; any
	// other is for the log only.
	Run(ctx context.Context, r *Run) (result any, err error)
}

// Filer is a kind whose jobs make files.
type Filer interface {
	Kind
	// File says what the file of a job is.
	File(j *Job) File
	// ReadPart returns a part. It returns ErrNoFile when it is not there any more.
	ReadPart(ctx context.Context, p Part) ([]byte, error)
}

// File is what a file is, but for its content.
type File struct {
	// Name is one to save it under.
	Name string
	// ContentType is the media type, and Encoding in what coding the parts are: "gzip", or
	// empty. Parts can be decoded one by one.
	ContentType, Encoding string
}

// ErrForbidden means that the caller may ask for no such job.
var ErrForbidden = errors.New("such jobs are for those who may see all bots")

// ParameterError says what a caller has to correct.
type ParameterError struct{ Detail string }

// Error implements error.
func (e *ParameterError) Error() string { return "the job's parameters: " + e.Detail }

// BadParameter returns a [ParameterError].
func BadParameter(format string, args ...any) error {
	return &ParameterError{fmt.Sprintf(format, args...)}
}

// Unknown returns the [ParameterError] for a kind that there is not.
func (j *Jobs) unknown() error {
	return BadParameter("The member kind must be one of %s.", j.names)
}

// DecodeParameters reads a JSON object strictly: members that are not there are an error.
func DecodeParameters(given []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(given))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
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

// Later marks an error that may pass.
func Later(err error) error { return &later{err} }

var (
	// ErrInterrupted is what [Run.Save] returns when the worker is to stop here: others wait for
	// their turn, or the process ends. The step is saved.
	ErrInterrupted = errors.New("the job is to be gone on with later")
	// ErrCancelled is what [Run.Save] returns when the job is wanted no more.
	ErrCancelled = errors.New("the job was cancelled")
	// ErrLost is what [Run.Save] returns when the job may be another worker's by now. The step is
	// not saved.
	ErrLost = errors.New("the job is not this worker's any more")
)
