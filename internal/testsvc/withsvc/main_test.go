package main

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExitCodeIsTheCommands(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script string
		want   int
	}{
		"success": {"exit 0", 0},
		"failure": {"exit 7", 7},
		"signal":  {"kill -TERM $$", exitSignal + int(syscall.SIGTERM)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := wait(start(t, test.script), nil)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestSignalsReachTheCommandAndItsChildren(t *testing.T) {
	t.Parallel()
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	cmd := start(t, "sleep 3600; exit 0")
	defer time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }).Stop()
	got, err := wait(cmd, signals)
	require.NoError(t, err)
	require.Equal(t, exitSignal+int(syscall.SIGTERM), got)
}

func start(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	return cmd
}
