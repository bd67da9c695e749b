package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopTimeout bounds how long a peer may take to end in order.
const stopTimeout = 20 * time.Second

// program is a running peer.
type program struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// start starts a peer with its output in its folder. It ends with us, however we end: the
// caller holds on to its thread.
func start(cmd *exec.Cmd) (*program, error) {
	p := &program{cmd: cmd, log: filepath.Join(cmd.Dir, "output"), done: make(chan struct{})}
	output, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = cmd.Wait() // That it ended is all that matters.
		close(p.done)
	}()
	return p, nil
}

func (p *program) pid() int { return p.cmd.Process.Pid }

// stop asks the peer to end, and ends what is left of it.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
	}
	_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
	<-p.done
}

var errEnded = errors.New("it has ended")

// explain adds the end of the peer's output to an error.
func (p *program) explain(err error) error {
	const shown = 1500
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("%w; its output ends with:\n%s", err, text[max(0, len(text)-shown):])
}

// freeAddress is one of this machine that nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
