package payload

import (
	"errors"
	"fmt"
	"slices"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/jsonpointer"
)

// DocumentError says why a document was not decoded, and where in it. It never repeats
// a value of the document; the names of its members do appear in the pointer.
type DocumentError struct {
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
func (e *DocumentError) Error() string {
	if e.Pointer == "" {
		return e.Detail
	}
	return fmt.Sprintf("%s: %s", e.Pointer, e.Detail)
}

// Unwrap returns the kind.
func (e *DocumentError) Unwrap() error { return e.Kind }

// within adds the step that leads to the place from one level further out.
func (e *DocumentError) within(step string) *DocumentError {
	e.location = append(e.location, step)
	return e
}

// located writes the pointer once all steps are known.
func (e *DocumentError) located() *DocumentError {
	slices.Reverse(e.location)
	e.Pointer = jsonpointer.Format(e.location)
	return e
}

// Problem returns the answer to a request whose payload could not be read or decoded.
func Problem(err error) *problem.Problem {
	var refused *DocumentError
	switch {
	case errors.As(err, &refused):
		return documentProblem(refused)
	case errors.Is(err, ErrTooLarge):
		return problem.TooLarge
	case errors.Is(err, errEncoding):
		// RFC 9110, section 15.5.16: the header tells this from a wrong media type.
		return problem.UnsupportedType.WithHeader("Accept-Encoding", acceptEncoding).
			WithDetail("Send the body without Content-Encoding, or with one of gzip, br and zstd.")
	case errors.Is(err, errCompressed):
		return problem.Malformed.WithDetail("The body is not what Content-Encoding says.")
	case errors.Is(err, errMediaType):
		return problem.UnsupportedType.WithDetail("Send application/json.")
	case errors.Is(err, errNotExpected):
		return problem.Malformed.WithDetail("The body is nothing that the platform sends.")
	case errors.Is(err, errNotForm):
		return problem.Malformed.WithDetail(`The form does not have one field "payload".`)
	default:
		return problem.Malformed.WithDetail("The body could not be read.")
	}
}

func documentProblem(refused *DocumentError) *problem.Problem {
	if errors.Is(refused, ErrTooComplex) {
		return problem.TooComplex.WithErrors([]problem.FieldError{
			{Pointer: refused.Pointer, Keyword: refused.Option, Detail: refused.Detail},
		})
	}
	if refused.Pointer == "" {
		return problem.Malformed.WithDetail("%s", refused.Detail)
	}
	return problem.Malformed.WithDetail("%s The place is %s.", refused.Detail, refused.Pointer)
}
