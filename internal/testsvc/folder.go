package testsvc

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// folder is a temporary folder that is removed even when we are killed: a shell waits
// for the end of its standard input, which is the end of this process at the latest.
type folder struct {
	path    string
	janitor *exec.Cmd
	hold    io.Closer
}

// The servers may be dying at that moment and still write, hence the repeats.
const janitorScript = `cat; for i in 1 2 3 4 5 6 7 8 9; do rm -rf "$0" && exit; sleep 0.2; done`

// newFolder makes a folder that is seen from the root, which may be empty.
func newFolder(root string) (*folder, error) {
	parent := os.TempDir()
	if root != "" {
		parent = filepath.Join(root, "tmp")
	}
	path, err := os.MkdirTemp(parent, "botgate-test-")
	if err != nil {
		return nil, err
	}
	janitor := command("sh", "-c", janitorScript, path)
	// In a group of its own it is spared by the Ctrl-C that ends us.
	janitor.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := janitor.StdinPipe()
	if err == nil {
		err = janitor.Start()
	}
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("starting the janitor of %s: %w", path, err)
	}
	return &folder{path: path, janitor: janitor, hold: hold}, nil
}

func (f *folder) remove() {
	_ = f.hold.Close()
	_ = f.janitor.Wait()
}
