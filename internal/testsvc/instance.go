package testsvc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	// readyTimeout is generous: the machine may be busy with other tests.
	readyTimeout = 2 * time.Minute
	// launchTries is how often other ports are tried when a server does not come up.
	launchTries = 4
)

// errEnded means that a server ended before it took connections.
var errEnded = errors.New("ended while starting")

// instance is one server with its folder and ports.
type instance struct {
	kind   *kind
	binary string
	folder *folder
	dir    string
	// credential is the account to run as; nil for our own.
	credential *syscall.Credential
	// root is what the server sees as /; empty for the machine's own.
	root  string
	ports []int
	// held keeps other test processes off the ports until close.
	held []port
	url  string

	server, helper *process
}

// launch starts a server on free ports. Between finding a port and binding it something that
// is no test may take it, so a server that ends at once gets others.
func launch(ctx context.Context, k *kind) (*instance, error) {
	root := k.root()
	binary, err := k.find(root)
	if err != nil {
		return nil, k.missing(err)
	}
	credential, err := k.credential(root)
	if err != nil {
		return nil, k.missing(err)
	}
	for range launchTries {
		i := &instance{kind: k, binary: binary, credential: credential, root: root}
		if err = i.create(ctx); err == nil {
			return i, nil
		}
		i.close()
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, fmt.Errorf("starting a private %s: %w", k.name, err)
}

func (k *kind) missing(err error) error {
	if k.install == "" {
		return fmt.Errorf("%s is needed: set %s to use another one: %w", k.name, k.env, err)
	}
	return fmt.Errorf("%s is needed: install it (apt-get install -y --no-install-recommends %s) or set %s: %w",
		k.name, k.install, k.env, err)
}

// credential is the account that the server runs as; servers refuse to run as root.
func (k *kind) credential(root string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 || k.account == "" {
		return nil, nil
	}
	if root != "" {
		return rootAccount(root, k.account)
	}
	account, err := user.Lookup(k.account)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", k.account, errNotInstalled)
	}
	return credential(account.Uid, account.Gid)
}

func credential(user, group string) (*syscall.Credential, error) {
	uid, errUID := strconv.ParseUint(user, 10, 32)
	gid, errGID := strconv.ParseUint(group, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return nil, fmt.Errorf("an account's numbers: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (i *instance) create(ctx context.Context) (err error) {
	if i.folder, err = newFolder(i.root); err != nil {
		return err
	}
	i.dir = i.folder.path
	if i.credential != nil {
		if err := os.Chown(i.dir, int(i.credential.Uid), int(i.credential.Gid)); err != nil {
			return err
		}
	}
	if i.held, err = holdPorts(ctx, i.kind.ports); err != nil {
		return err
	}
	i.ports = numbers(i.held)
	i.url = i.kind.url(i)
	if err := i.kind.setup(i); err != nil {
		return fmt.Errorf("preparing: %w", err)
	}
	return i.start(ctx)
}

// start runs the processes and waits until the server takes connections.
func (i *instance) start(ctx context.Context) (err error) {
	if i.kind.helper != nil && !i.helper.running() {
		helper, err := i.kind.helper(i)
		if err != nil {
			return err
		}
		if i.helper, err = i.spawn(helper); err != nil {
			return err
		}
	}
	if i.server, err = i.spawn(i.kind.server(i)); err != nil {
		return err
	}
	return i.awaitReady(ctx)
}

func (i *instance) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := i.kind.ready(ctx, i)
		switch {
		case !i.server.running():
			// Another server answered on our port.
			return fmt.Errorf("%w: %s", errEnded, i.logTail())
		case err == nil:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting for it: %w: %s", err, i.logTail())
		case <-i.server.done:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// spawn starts cmd as the instance's account, in its folder, with its output in the log.
func (i *instance) spawn(cmd *exec.Cmd) (*process, error) {
	log, err := os.OpenFile(i.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = i.dir, log, log, i.attributes()
	return startProcess(cmd)
}

// run runs a command of the setup to its end.
func (i *instance) run(cmd *exec.Cmd) error {
	cmd.Dir, cmd.SysProcAttr = i.dir, i.attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, out)
	}
	return nil
}

func (i *instance) attributes() *syscall.SysProcAttr {
	// A group of its own keeps a Ctrl-C for us, who end the server ourselves.
	attr := &syscall.SysProcAttr{Setpgid: true, Credential: i.credential, Chroot: i.root}
	orphanSignal(attr, i.kind.crash)
	return attr
}

func (i *instance) logPath() string { return filepath.Join(i.dir, "server.log") }

func (i *instance) logTail() string {
	const limit = 2000
	log, err := os.ReadFile(i.logPath())
	if err != nil {
		return "no log"
	}
	return string(bytes.TrimSpace(log[max(0, len(log)-limit):]))
}

func (i *instance) end(s syscall.Signal) error { return i.server.end(s) }
func (i *instance) pause() error               { return i.server.freeze() }
func (i *instance) resume() error              { return i.server.signal(syscall.SIGCONT) }

// close ends everything and removes the folder. Nobody needs the data any more, so
// there is no orderly end.
func (i *instance) close() {
	_ = i.server.end(i.kind.crash)
	_ = i.helper.end(syscall.SIGKILL)
	releasePorts(i.held)
	if i.folder != nil {
		i.folder.remove()
	}
}
