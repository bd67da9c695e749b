// Package requestid has the form of a request's id: what finds one request in the logs of both sides, in the event
// that it made and in what its bot got.
package requestid

import (
	"crypto/rand"
	"strings"
)

// Header carries the id in requests and answers.
const Header = "X-Request-Id"

// The bounds of the length of an id, in bytes.
const (
	minLength = 8
	maxLength = 64
)

// letters are those of an id: nothing that a header, a log or a shell would have to quote.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// Valid reports whether an id has the form that is taken from others: 8 to 64 letters, digits, '.', '_' or '-'.
func Valid(id string) bool {
	return len(id) >= minLength && len(id) <= maxLength && strings.TrimLeft(id, letters) == ""
}

// New makes an id: 26 letters and digits, which nobody can guess. It is shorter than a UUID, because every message
// has one.
func New() string { return rand.Text() }
