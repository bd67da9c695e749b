package testsvc

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// endTimeout bounds how long a process may take to end in order, or to stop.
const endTimeout = time.Minute

// command is tied to no context: what we start ends with its owner, or with us.
func command(path string, args ...string) *exec.Cmd {
	return exec.CommandContext(context.Background(), path, args...)
}

// process is a child that cannot outlive us.
type process struct {
	pid  int
	done chan struct{}
}

// startProcess starts cmd. The goroutine that waits for it holds on to its thread,
// because the kernel takes the end of the thread that started a child, not of the whole
// process, as the parent's death.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		// Why it ended is in its log; that it ended is all that matters here.
		_ = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

// running reports whether the process has not ended; a nil one never ran.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal reaches the process and everything below it.
func (p *process) signal(s syscall.Signal) error {
	if !p.running() {
		return nil
	}
	for _, pid := range family(p.pid) {
		if err := syscall.Kill(pid, s); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("sending %s: %w", s, err)
		}
	}
	return nil
}

// freeze stops the process and everything below it, and waits until they are.
func (p *process) freeze() error {
	if !p.running() {
		return nil
	}
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	deadline := time.Now().Add(endTimeout)
	for _, pid := range family(p.pid) {
		for !frozen(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("process %d does not stop", pid)
			}
			<-time.After(time.Millisecond)
		}
	}
	return nil
}

// end sends s to the process itself, also when it is frozen, and waits for its end.
// One that takes too long is killed with everything below it.
func (p *process) end(s syscall.Signal) error {
	if !p.running() {
		return nil
	}
	if err := syscall.Kill(p.pid, s); err != nil && err != syscall.ESRCH {
		return fmt.Errorf("sending %s: %w", s, err)
	}
	if err := p.signal(syscall.SIGCONT); err != nil {
		return err
	}
	late := time.AfterFunc(endTimeout, func() { _ = p.signal(syscall.SIGKILL) })
	defer late.Stop()
	<-p.done
	return nil
}
