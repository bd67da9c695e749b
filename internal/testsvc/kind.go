package testsvc

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
)

// errNotInstalled means that the machine lacks a server's binaries or account.
var errNotInstalled = errors.New("not installed")

// kind says how one kind of server is run.
type kind struct {
	name string
	// env is the variable that names a server to use instead.
	env string
	// install is the Debian package that brings the server; empty for one that we build.
	install string
	// account is who runs the server when root runs the tests; empty for root.
	account string
	// ports is how many free ports the server needs.
	ports int
	// stop asks the server to end in order; crash ends it at once. The server also
	// gets crash when the test process dies.
	stop, crash syscall.Signal
	// find returns the server's binary, in the root where that is not empty.
	find func(root string) (string, error)
	// url is where clients reach the server.
	url func(i *instance) string
	// setup fills the instance's folder, once.
	setup func(i *instance) error
	// helper is a process that runs beside the server; nil for none.
	helper func(i *instance) (*exec.Cmd, error)
	// server is the process itself. It stays in the foreground.
	server func(i *instance) *exec.Cmd
	// ready connects once.
	ready func(ctx context.Context, i *instance) error
}

// locate finds a program in the folders that match the pattern, the last first, for
// versions sort upwards, or else in PATH: of the root where that is not empty.
func locate(root, program, pattern string) (string, error) {
	if root != "" && pattern == "" {
		pattern = "/usr/bin"
	}
	if pattern != "" {
		found, err := filepath.Glob(filepath.Join(root, pattern, program))
		if err != nil {
			return "", fmt.Errorf("looking for %s: %w", program, err)
		}
		if len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	if root == "" {
		if path, err := exec.LookPath(program); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: %w", program, errNotInstalled)
}
