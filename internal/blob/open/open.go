// Package open opens the blob store that an address names: a folder or a bucket.
package open

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/blob/s3"
)

const (
	// DefaultRetention is for how long a body is kept after it was put last.
	DefaultRetention = 30 * 24 * time.Hour
	// minRetention is longer than an event can take that nothing is wrong with.
	minRetention = 48 * time.Hour
)

// Default returns the address of the store for a queue where none is configured: for the
// embedded queue the folder blobs beside its file, which every process that has the queue can
// reach. For RabbitMQ there is none: a folder would be one that other machines can't read.
func Default(queueURL string) string {
	path, err := address.Queue(queueURL)
	if err != nil || path == "" {
		return ""
	}
	return "file:" + filepath.Join(filepath.Dir(path), "blobs")
}

// Check reports what is wrong with an address, as far as it can be known without opening
// anything. Errors show no secret.
func Check(url string) error {
	path, err := address.BlobStore(url)
	if err == nil && path == "" {
		err = s3.CheckURL(url)
	}
	return err
}

// CheckRetention reports a retention that is too short; 0 keeps bodies for ever.
func CheckRetention(retention time.Duration) error {
	if retention != 0 && retention < minRetention {
		return fmt.Errorf("must be 0, which removes nothing, or at least %s", minRetention)
	}
	return nil
}

// Open opens the store at "file:<folder>", where "file:///<folder>" is the same with an absolute
// path, or at an address as [s3.Open] has it. A server need not be up; a folder must be
// writable.
func Open(url string) (blob.Store, error) {
	path, err := address.BlobStore(url)
	switch {
	case err != nil:
		return nil, err
	case path != "":
		return opened(file.Open(path))
	}
	return opened(s3.Open(url))
}

// opened keeps a nil engine from becoming a store that is not nil.
func opened[S blob.Store](s S, err error) (blob.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
