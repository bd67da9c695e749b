package main

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSystemdIsTold what a unit with Type=notify waits for.
func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "notify") // t.TempDir is too long for a socket's path.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = socket.Close() })
	told := func(want string) {
		t.Helper()
		message := make([]byte, 100)
		require.NoError(t, socket.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := socket.Read(message)
		require.NoError(t, err)
		require.Equal(t, want, string(message[:n]))
	}
	cmd, _, stderr := command(t, []string{"--listen", "127.0.0.1:0"}, "NOTIFY_SOCKET="+socket.LocalAddr().String())
	require.NoError(t, cmd.Start())
	told("READY=1")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	told("STOPPING=1")
	require.NoError(t, cmd.Wait(), stderr.String())
}
