package queue

import (
	"fmt"
	"strings"
)

// RefusedError is the [ErrUnconfirmed] of a broker that is there, while one of its queues answers no,
// as one at its limit does, or answers nothing in time, as one without a quorum does. It concerns
// what goes to that queue, and nothing else.
type RefusedError struct {
	// Queues are the queues by their names, of which one or more did not take an event.
	Queues []string
	// Err is the answer, or the end of the wait for it.
	Err error
}

// Error implements error.
func (e *RefusedError) Error() string {
	if len(e.Queues) == 0 {
		return fmt.Sprintf("%s: %s", ErrUnconfirmed, e.Err)
	}
	return fmt.Sprintf("%s by %s: %s", ErrUnconfirmed, strings.Join(e.Queues, " and "), e.Err)
}

// Unwrap makes it ErrUnconfirmed, and its cause.
func (e *RefusedError) Unwrap() []error { return []error{ErrUnconfirmed, e.Err} }
