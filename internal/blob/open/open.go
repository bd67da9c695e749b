// Package open opens the blob store that an address names: a folder or a bucket.
package open

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/blob"
	"github.com/botgate/botgate/internal/blob/file"
	"github.com/botgate/botgate/internal/blob/s3"
	queueopen "github.com/botgate/botgate/internal/queue/open"
)

// The names of the settings; errors name them.
const (
	Option          = "BOTGATE_BLOB_URL"
	RetentionOption = "BOTGATE_BLOB_RETENTION"
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
func Default(queueAddress string) string {
	path, err := queueopen.SQLitePath(queueAddress)
	if err != nil {
		return ""
	}
	return "file:" + filepath.Join(filepath.Dir(path), "blobs")
}

// Check reports what is wrong with an address, as far as it can be known without opening
// anything. Errors name [Option] and show no secret.
func Check(address string) error {
	if err := check(address); err != nil {
		return fmt.Errorf("%s: %w", Option, err)
	}
	return nil
}

func check(address string) error {
	scheme, _, _ := strings.Cut(address, ":")
	switch scheme {
	case "file":
		_, err := folder(address)
		return err
	case "s3":
		return s3.CheckURL(address)
	}
	return errors.New("must be file:<folder> or s3://<bucket>/<prefix>?endpoint=<url>&region=<region>")
}

// CheckRetention reports a retention that is too short; 0 keeps bodies for ever. Errors name
// [RetentionOption].
func CheckRetention(retention time.Duration) error {
	if retention != 0 && retention < minRetention {
		return fmt.Errorf("%s: must be 0, which removes nothing, or at least %s", RetentionOption, minRetention)
	}
	return nil
}

// Open opens the store at "file:<folder>", where "file:///<folder>" is the same with an absolute
// path, or at an address as [s3.Open] has it. A server need not be up; a folder must be
// writable. Errors name [Option].
func Open(address string) (blob.Store, error) {
	store, err := open(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Option, err)
	}
	return store, nil
}

func open(address string) (blob.Store, error) {
	if err := check(address); err != nil {
		return nil, err
	}
	path, err := folder(address)
	if err != nil {
		return openS3(address)
	}
	store, err := file.Open(path)
	if err != nil {
		return nil, err
	}
	return store, nil
}

func openS3(address string) (blob.Store, error) {
	store, err := s3.Open(address)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// folder returns the folder of an address.
func folder(address string) (string, error) {
	path, ok := strings.CutPrefix(address, "file:")
	if rest, slashes := strings.CutPrefix(path, "//"); slashes {
		path, ok = rest, ok && strings.HasPrefix(rest, "/")
	}
	if !ok || path == "" || strings.ContainsAny(path, "?#\x00") {
		return "", errors.New("must be file:<folder> or file:///<absolute folder>")
	}
	return path, nil
}
