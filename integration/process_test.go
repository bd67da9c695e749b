package integration

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testlog"
	"github.com/botgate/botgate/internal/testsvc"
)

// process is a binary under test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	output *testlog.Buffer
	ended  <-chan struct{}
	// base is where it listens; empty for those that have the stack's addresses.
	base string
}

// start runs a binary in dir; it is killed at the end of the test if it still runs. A data
// race that it reports fails the test.
func start(t *testing.T, dir string, env []string, binary string, args ...string) *process {
	t.Helper()
	p := &process{t: t, output: new(testlog.Buffer)}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Dir = dir
	p.cmd.Env = append(append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	var err error
	p.ended, err = testsvc.Start(p.cmd)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("output of %s:\n%s", binary, tail(p.output.String(), 8000))
		}
		require.NotContains(t, p.output.String(), "DATA RACE")
		require.NotContains(t, p.output.String(), "panic:")
	})
	return p
}

// kill ends the process as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	p.wait()
}

// stop ends the process as its operator would and returns its exit code.
func (p *process) stop() int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGINT))
	p.wait()
	return p.cmd.ProcessState.ExitCode()
}

// wait waits for the end of the process, which need not be successful.
func (p *process) wait() {
	select {
	case <-p.ended:
	case <-time.After(60 * time.Second):
		p.t.Errorf("%s did not end", p.cmd.Path)
	}
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// run runs a command of the gateway to its end and returns what it printed.
func run(t *testing.T, dir string, env []string, stdin string, binary string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func tail(s string, n int) string {
	if len(s) > n {
		return s[len(s)-n:]
	}
	return s
}
