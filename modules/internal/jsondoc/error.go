package jsondoc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/botgate/botgate/modules/internal/jsonpointer"
)

var (
	// ErrNotJSON means that the text is not one JSON document in UTF-8.
	ErrNotJSON = errors.New("request body is not valid JSON")
	// ErrTooComplex means that the document exceeds one of the [Limits].
	ErrTooComplex = errors.New("document too complex")
)

// Error says why a document was not read, and where in it. It never repeats a value of the document; the
// names of its members do appear in the pointer.
type Error struct {
	// Kind is [ErrNotJSON] or [ErrTooComplex].
	Kind error
	// Pointer is the JSON pointer to the place, or to a value around it.
	Pointer string
	// Option is the limit that was exceeded, as in a Caddyfile. Empty for ErrNotJSON.
	Option string
	// Detail is a sentence a person can act on.
	Detail string

	// location leads to the place, innermost step first.
	location []string
}

// Error returns the sentence with its place.
func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return fmt.Sprintf("%s: %s", e.Pointer, e.Detail)
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// within adds the step that leads to the place from one level further out.
func (e *Error) within(step string) *Error {
	e.location = append(e.location, step)
	return e
}

// located writes the pointer once all steps are known.
func (e *Error) located() *Error {
	slices.Reverse(e.location)
	e.Pointer = jsonpointer.Format(e.location)
	return e
}
