package health

import (
	"errors"
	"sync/atomic"
)

var errNotRunning = errors.New("not running")

// Work is how a part does that does something again and again. Its zero value is not running.
type Work struct {
	// state is nil while it is not running.
	state atomic.Pointer[outcome]
}

// outcome is what came of the last time.
type outcome struct{ err error }

// Healthy returns nil while it runs, and the last time went well.
func (w *Work) Healthy() error {
	if last := w.state.Load(); last != nil {
		return last.err
	}
	return errNotRunning
}

// Note notes what came of the last time, and reports whether that is the first of failures, or their end.
func (w *Work) Note(err error) (fails, recovers bool) {
	was := w.state.Swap(&outcome{err})
	failed := was != nil && was.err != nil
	return err != nil && !failed, err == nil && failed
}

// End notes that it does not run any more.
func (w *Work) End() { w.state.Store(nil) }
