//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// holdFile creates a file that nobody else has and holds it until it is closed or the
// process ends. It returns nil when another handle removed the file before it was held.
func holdFile(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	held, err := lock(file)
	if err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(name))
	}
	if !held || !stillNamed(file, name) {
		return nil, file.Close()
	}
	return file, nil
}

// dropFile removes a file that this process holds.
func dropFile(file *os.File) error {
	err := os.Remove(file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, file.Close())
}

// removeUnheld removes a file unless somebody holds it, and reports whether it is gone.
func removeUnheld(name string) (bool, error) {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	held, err := lock(file)
	if err != nil || !held {
		return false, errors.Join(err, file.Close())
	}
	return true, dropFile(file)
}

// lock takes the lock on an open file, unless somebody else has it.
func lock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// stillNamed reports whether the file was not removed.
func stillNamed(file *os.File, name string) bool {
	opened, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(opened, named)
}
