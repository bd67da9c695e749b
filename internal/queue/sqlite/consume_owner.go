package sqlite

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/botgate/botgate/internal/filelock"
)

// owner is the identity under which a consumer leases deliveries. It holds a lock
// file, which the operating system unlocks when the process ends, however it ends. So every
// handle sees at once that an owner is gone, and a process that is only slow, stopped or
// asleep does not lose its leases to a timeout. Each consumer has its own owner, so that it
// cannot settle a delivery that it released and another consumer of its handle leased.
type owner struct {
	id   int64
	file *filelock.Held
}

// newOwner takes an unused number and locks its file.
func newOwner(path string) (*owner, error) {
	for {
		id := rand.Int64()
		file, err := filelock.Create(ownerFile(path, id))
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &owner{id: id, file: file}, nil
	}
}

// close removes the lock file. Leases that are left are reaped by other handles.
func (o *owner) close() error { return o.file.Remove() }

// ownerGone reports whether no consumer has this number any more.
func ownerGone(path string, id int64) (bool, error) {
	return filelock.RemoveUnheld(ownerFile(path, id))
}

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
