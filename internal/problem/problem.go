// Package problem writes errors over HTTP as problem+json (RFC 9457), for the gateway and for
// the backend's API. A problem has a stable type and reveals no internals.
package problem

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ContentType is the media type of a problem (RFC 9457, section 3).
const ContentType = "application/problem+json"

const typePrefix = "urn:botgate:problem:"

// Problem is an error as a client gets it. Make new ones with [New], or from the variables of this package; the methods
// With… return a copy.
type Problem struct {
	// Type is stable across versions: "urn:botgate:problem:<slug>"; docs/reference/problems.md lists them.
	Type string `json:"type"`
	// Title is the same for every problem of the type.
	Title string `json:"title"`
	// Status repeats the HTTP status.
	Status int `json:"status"`
	// Detail helps the caller to correct this request; never internals.
	Detail string `json:"detail,omitempty"`
	// Errors lists what is wrong with the request body, with JSON pointers.
	Errors []FieldError `json:"errors,omitempty"`

	header http.Header
}

// FieldError is one violation of a schema.
type FieldError struct {
	// Pointer is the JSON pointer (RFC 6901) of the offending value.
	Pointer string `json:"pointer"`
	// Keyword is the schema keyword that was violated.
	Keyword string `json:"keyword"`
	// Detail is a sentence a person can act on; it never repeats the value.
	Detail string `json:"detail"`
}

// The problems that more than one part answers with.
var (
	Malformed           = New(http.StatusBadRequest, "malformed", "The request is malformed.")
	UnknownBot          = New(http.StatusNotFound, "unknown-bot", "There is no such bot.")
	TooLarge            = New(http.StatusRequestEntityTooLarge, "too-large", "The request body is too large.")
	TooComplex          = New(http.StatusUnprocessableEntity, "too-complex", "The request body is too complex.")
	UnsupportedType     = New(http.StatusUnsupportedMediaType, "unsupported-type", "The content type is not supported.")
	IdempotencyMismatch = New(http.StatusUnprocessableEntity, "idempotency-mismatch", "This Idempotency-Key was used for another request.")
)

// MethodNotAllowed is the answer where the methods of the header Allow are the only ones.
func MethodNotAllowed(allow string) *Problem {
	return New(http.StatusMethodNotAllowed, "method-not-allowed", "The method is not allowed here.").WithHeader("Allow", allow)
}

// New makes a problem of the type with this slug.
func New(status int, slug, title string) *Problem {
	return &Problem{Type: typePrefix + slug, Title: title, Status: status}
}

// Error returns title and detail, so that a problem can be returned as an error.
func (p *Problem) Error() string { return strings.TrimSpace(p.Title + " " + p.Detail) }

// Slug is the last part of the type, for logs and metrics.
func (p *Problem) Slug() string { return p.Type[len(typePrefix):] }

// Slugs are those of several problems.
func Slugs(problems ...*Problem) []string {
	slugs := make([]string, len(problems))
	for n, p := range problems {
		slugs[n] = p.Slug()
	}
	return slugs
}

// WithDetail returns a copy that explains this occurrence to the client.
func (p *Problem) WithDetail(format string, args ...any) *Problem {
	c := *p
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// WithErrors returns a copy that lists what is wrong with the request body.
func (p *Problem) WithErrors(errs []FieldError) *Problem {
	c := *p
	c.Errors = errs
	return &c
}

// WithHeader returns a copy that is answered with one more header.
func (p *Problem) WithHeader(name, value string) *Problem {
	c := *p
	if c.header = p.header.Clone(); c.header == nil {
		c.header = http.Header{}
	}
	c.header.Add(name, value)
	return &c
}

// WithRetryAfter returns a copy that asks the client to retry after d, in whole seconds
// rounded up, at least one (RFC 9110, section 10.2.3).
func (p *Problem) WithRetryAfter(d time.Duration) *Problem {
	seconds := max(1, int64(math.Ceil(d.Seconds())))
	return p.WithHeader("Retry-After", strconv.FormatInt(seconds, 10))
}

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encoding a problem: %w", err)
	}
	h := w.Header()
	for name, values := range p.header {
		h[name] = slices.Clone(values) // Later handlers edit headers in place.
	}
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	// The client may be gone; then nobody reads the answer.
	_, _ = w.Write(body)
	return nil
}
