package payload

import (
	"errors"

	"github.com/botgate/botgate/internal/problem"
)

// Problem returns the answer to a request whose payload could not be read or decoded.
func Problem(err error) *problem.Problem {
	var refused *DocumentError
	switch {
	case errors.As(err, &refused):
		return documentProblem(refused)
	case errors.Is(err, ErrTooLarge):
		return problem.TooLarge
	case errors.Is(err, ErrEncoding):
		// RFC 9110, section 15.5.16: the header tells this from a wrong media type.
		return problem.UnsupportedType.WithHeader("Accept-Encoding", acceptEncoding).
			WithDetail("Send the body without Content-Encoding, or with one of gzip, br and zstd.")
	case errors.Is(err, ErrCompressed):
		return problem.Malformed.WithDetail("The body is not what Content-Encoding says.")
	case errors.Is(err, ErrMediaType):
		return problem.UnsupportedType.WithDetail("Send application/json.")
	case errors.Is(err, ErrNotForm):
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
