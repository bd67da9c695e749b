package payload

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	// minChunk and maxChunk bound the memory that a body takes before anything of it
	// arrived, in bytes: who declares much and sends little must not cost much.
	minChunk = 4 << 10
	maxChunk = 64 << 10
)

// readAll reads the body. The length is the declared one, or negative.
func readAll(body io.Reader, length, maxSize int64) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	raw, err := readUpTo(body, maxSize, length)
	if err == nil || errors.Is(err, ErrTooLarge) {
		return raw, err
	}
	var herr caddyhttp.HandlerError
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) ||
		(errors.As(err, &herr) && herr.StatusCode == http.StatusRequestEntityTooLarge) {
		return nil, ErrTooLarge
	}
	return nil, fmt.Errorf("reading the request body: %w", err)
}

// readUpTo reads everything, or fails with [ErrTooLarge] after limit bytes. The buffer
// grows by a factor of four, so that all of them together take little more than what is
// read. What is expected to come, when known, spares a buffer that is too large.
func readUpTo(from io.Reader, limit, expected int64) ([]byte, error) {
	size := int64(minChunk)
	if expected >= 0 {
		size = min(expected+1, maxChunk)
	}
	// One byte more than allowed tells whether there is more.
	buf := make([]byte, 0, min(limit+1, size))
	for {
		if len(buf) == cap(buf) {
			size = int64(cap(buf)) * 4
			if size > limit/2 { // A buffer that is hardly larger would come next.
				size = limit + 1
			}
			if expected >= int64(len(buf)) {
				size = min(size, expected+1)
			}
			grown := make([]byte, len(buf), size)
			copy(grown, buf)
			buf = grown
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
}
