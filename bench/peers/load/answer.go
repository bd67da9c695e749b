package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

var errClosing = errors.New("the server closes the connection after an answer")

// readAnswer reads an answer of HTTP/1.1 and returns its status. It understands what servers send
// on connections that they keep open: a Content-Length, chunks, or no body at all.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, fmt.Errorf("reading the status: %w", err)
	}
	if status, err = parseStatus(line); err != nil {
		return 0, err
	}
	length, chunked := 0, false
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return status, fmt.Errorf("reading the header: %w", err)
		}
		name, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case len(name) == 0:
			return status, discardBody(r, length, chunked)
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return status, fmt.Errorf("content length: %w", err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(value, []byte("close")):
			return status, errClosing
		}
	}
}

// parseStatus reads a line such as "HTTP/1.1 202 Accepted".
func parseStatus(line []byte) (int, error) {
	_, rest, found := bytes.Cut(line, []byte(" "))
	if !found || !bytes.HasPrefix(line, []byte("HTTP/1.1")) || len(rest) < 3 {
		return 0, fmt.Errorf("no answer of HTTP/1.1: %q", line)
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil {
		return 0, fmt.Errorf("no status: %q", line)
	}
	return status, nil
}

func discardBody(r *bufio.Reader, length int, chunked bool) error {
	if !chunked {
		_, err := r.Discard(length)
		return err
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("reading a chunk's size: %w", err)
		}
		size, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 16, 31)
		if err != nil {
			return fmt.Errorf("a chunk's size: %w", err)
		}
		// Each chunk has an empty line behind it, as has the last one, of size 0.
		if _, err := r.Discard(int(size) + len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}
