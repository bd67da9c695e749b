package sqlite

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// owner is the identity under which a consumer claims deliveries. It holds a file of its
// own, which the operating system lets go when the process ends, however it ends. So
// every handle can tell at once that the owner is gone, and a process that is only slow,
// stopped or asleep does not lose its deliveries to a timeout. That each consumer has its
// own keeps it from settling what it gave back and another one of its handle claimed.
type owner struct {
	id   int64
	file *os.File
}

// newOwner takes a number that nobody has and holds its file.
func newOwner(path string) (*owner, error) {
	for {
		id := rand.Int64()
		file, err := holdFile(ownerFile(path, id))
		if file == nil && (err == nil || errors.Is(err, fs.ErrExist)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &owner{id: id, file: file}, nil
	}
}

// close gives the identity up. Whatever it still owns others release.
func (o *owner) close() error { return dropFile(o.file) }

// ownerGone reports whether no consumer has this number any more.
func ownerGone(path string, id int64) (bool, error) { return removeUnheld(ownerFile(path, id)) }

// removeLeftovers removes the files of owners that are gone.
func removeLeftovers(path string) error {
	dir, prefix := filepath.Dir(path), filepath.Base(ownerPrefix(path))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), prefix)
		if !ok {
			continue
		}
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue
		}
		if _, err := ownerGone(path, id); err != nil {
			return err
		}
	}
	return nil
}

func ownerPrefix(path string) string { return path + "-owner-" }

func ownerFile(path string, id int64) string { return ownerPrefix(path) + strconv.FormatInt(id, 10) }
