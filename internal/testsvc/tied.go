package testsvc

import (
	"os/exec"
	"syscall"
)

// Start starts a program under test so that it cannot outlive this process, however that
// ends. The returned channel is closed once the program has ended and was waited for.
func Start(cmd *exec.Cmd) (ended <-chan struct{}, err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	orphanSignal(cmd.SysProcAttr, syscall.SIGKILL)
	p, err := startProcess(cmd)
	if err != nil {
		return nil, err
	}
	return p.done, nil
}
