package payload

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/botgate/botgate/modules/internal/unverified"
)

const (
	// minChunk and maxChunk bound the memory that a body takes before anything of it
	// arrived, in bytes: who declares much and sends little must not cost much.
	minChunk = 4 << 10
	maxChunk = unverified.Free
	// slowGrowth is the size in bytes from which a buffer is doubled, so that what is taken for a body
	// is at most twice of what arrived.
	slowGrowth = 256 << 10
)

// grower returns a buffer with what is in buf and room for so many bytes, or an error that ends the
// reading.
type grower func(buf []byte, bytes int64) ([]byte, error)

// readAll reads the body. The length is the declared one, or negative. With an error, it returns
// the buffer that nobody needs any more.
func readAll(body io.Reader, length, maxSize int64, grow grower) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	raw, err := readUpTo(body, maxSize, length, grow)
	if err == nil || errors.Is(err, ErrTooLarge) || errors.Is(err, unverified.ErrFull) {
		return raw, err
	}
	var herr caddyhttp.HandlerError
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) ||
		(errors.As(err, &herr) && herr.StatusCode == http.StatusRequestEntityTooLarge) {
		return raw, ErrTooLarge
	}
	return raw, fmt.Errorf("reading the request body: %w", err)
}

// readUpTo reads everything, or fails with [ErrTooLarge] after limit bytes, or with the error of
// the grower; then it returns what it has. The buffer grows in large steps, so that all of them
// together take little more than what is read. What is expected to come, when known, spares a
// buffer that is too large.
func readUpTo(from io.Reader, limit, expected int64, grow grower) (buf []byte, err error) {
	size := int64(minChunk)
	if expected >= 0 {
		size = min(expected+1, maxChunk)
	}
	// One byte more than allowed tells whether there is more.
	size = min(limit+1, size)
	for {
		if len(buf) == cap(buf) {
			larger, err := grow(buf, size)
			if err != nil {
				return buf, err
			}
			buf, size = larger, nextSize(int64(cap(larger)), limit, expected)
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return buf, ErrTooLarge
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, err
		}
	}
}

// nextSize is that of the buffer that comes after one of this size.
func nextSize(size, limit, expected int64) int64 {
	next := size * 4
	if size >= slowGrowth {
		next = size * 2
	}
	if next > limit-limit/4 { // One that is hardly larger would come next.
		next = limit + 1
	}
	if expected >= size {
		next = min(next, expected+1)
	}
	return next
}
