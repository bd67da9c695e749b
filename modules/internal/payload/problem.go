package payload

import (
	"errors"
	"net/http"
	"time"

	"github.com/botgate/botgate/internal/problem"
	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/modules/internal/unverified"
)

// retryAfter is what senders are asked to wait while there is no room for their bodies: most are
// verified in less.
const retryAfter = 5 * time.Second

var overloaded = problem.New(http.StatusServiceUnavailable, "overloaded", "There is no room for the request body at present.").
	WithDetail("Send it again.").WithRetryAfter(retryAfter)

// Problems has one of each type that [Problem] returns.
func Problems() []*problem.Problem {
	return []*problem.Problem{problem.Malformed, problem.TooLarge, problem.TooComplex, problem.UnsupportedType, overloaded}
}

// Problem returns the answer to a request whose payload could not be read or decoded.
func Problem(err error) *problem.Problem {
	var refused *jsondoc.Error
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
	case errors.Is(err, unverified.ErrFull):
		return overloaded
	case errors.Is(err, errMediaType):
		return problem.UnsupportedType.WithDetail("Send application/json.")
	case errors.Is(err, errCharset):
		return problem.UnsupportedType.WithDetail("Send the JSON in UTF-8.")
	case errors.Is(err, errTypes):
		return problem.Malformed.WithDetail("Send one Content-Type.")
	case errors.Is(err, errNotExpected):
		return problem.Malformed.WithDetail("The body is nothing that the platform sends.")
	case errors.Is(err, errNotForm):
		return problem.Malformed.WithDetail(`The form does not have one field "payload".`)
	default:
		return problem.Malformed.WithDetail("The body could not be read.")
	}
}

func documentProblem(refused *jsondoc.Error) *problem.Problem {
	if errors.Is(refused, jsondoc.ErrTooComplex) {
		return problem.TooComplex.WithErrors([]problem.FieldError{
			{Pointer: refused.Pointer, Keyword: refused.Option, Detail: refused.Detail},
		})
	}
	if refused.Pointer == "" {
		return problem.Malformed.WithDetail("%s", refused.Detail)
	}
	return problem.Malformed.WithDetail("%s The place is %s.", refused.Detail, refused.Pointer)
}
