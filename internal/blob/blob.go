// Package blob keeps large bodies outside of the queue, by their content. blob/file and
// blob/s3 implement it; the conformance suite in blob/blobtest defines the semantics.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrNotFound means that the store has no such blob: it expired, or it is another store.
	ErrNotFound = errors.New("the body is missing in the blob store")
	// ErrCorrupt means that what the store has is not what was put there.
	ErrCorrupt = errors.New("the body in the blob store is damaged")
	// ErrUnavailable means that the store can't be reached or does not work at present.
	ErrUnavailable = errors.New("blob store unavailable")
)

// Store keeps blobs. Its methods may be called concurrently, by several processes.
type Store interface {
	// Put returns nil once the blob is durable. What is there already is written again, so
	// that a blob's age counts from its last Put. Errors are [ErrUnavailable].
	Put(ctx context.Context, ref Ref, data []byte) error
	// Get returns the blob, checked against its reference. Errors are [ErrNotFound],
	// [ErrCorrupt] or [ErrUnavailable]; all of them name the reference.
	Get(ctx context.Context, ref Ref) ([]byte, error)
	// Close releases what the store holds; blobs stay.
	Close() error
}

// Read reads a blob of the given length and checks it. It is for engines: no more memory is
// taken than there are bytes in the store, whatever a reference claims.
func Read(r io.Reader, length int64, ref Ref) ([]byte, error) {
	if length != ref.Size {
		return nil, fmt.Errorf("%w: %s: it has %d bytes", ErrCorrupt, ref, length)
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", ErrUnavailable, ref, err)
	}
	if found := RefOf(data); found != ref {
		return nil, fmt.Errorf("%w: %s: its digest is %s", ErrCorrupt, ref, found.Hex())
	}
	return data, nil
}
