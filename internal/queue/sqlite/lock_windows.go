package sqlite

import (
	"errors"
	"io/fs"
	"os"
)

// holdFile creates a file that nobody else has and holds it until it is closed or the
// process ends: Windows removes no file that is open.
func holdFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

// dropFile removes a file that this process holds.
func dropFile(file *os.File) error {
	err := file.Close()
	if _, removeErr := removeUnheld(file.Name()); removeErr != nil {
		err = errors.Join(err, removeErr)
	}
	return err
}

// removeUnheld removes a file unless somebody holds it, and reports whether it is gone.
func removeUnheld(name string) (bool, error) {
	err := os.Remove(name)
	return err == nil || errors.Is(err, fs.ErrNotExist), nil
}
