package proc

import (
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	line := "417 (a) S (b) c) S 12 417 417 0 -1 4194560 1 2 3 4 150 25 6 7 20 0 9 0 100 5000 2 184467 1 1\n"
	id, parent, usage, err := parseStat([]byte(line))
	require.NoError(t, err)
	require.Equal(t, 417, id)
	require.Equal(t, 12, parent)
	require.Equal(t, Usage{
		User: 1500 * time.Millisecond, System: 250 * time.Millisecond, Resident: 2 * int64(os.Getpagesize()),
	}, usage)
	require.Equal(t, 1750*time.Millisecond, usage.CPU())
	for _, bad := range []string{"", "417 (a) S 12", "x (a) S 12 1", "417 (a) S y 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"} {
		_, _, _, err := parseStat([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestParseHost(t *testing.T) {
	t.Parallel()
	host, err := parseHost("cpu  100 20 30 400 5 6 7 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n")
	require.NoError(t, err)
	require.Equal(t, Host{User: 1200 * time.Millisecond, Stolen: 80 * time.Millisecond, All: 5760 * time.Millisecond}, host)
	for _, bad := range []string{"", "cpu 1 2", "cpu a 2 3 4 5 6 7 8\n"} {
		_, err := parseHost(bad)
		require.Error(t, err, bad)
	}
}

func TestForeignIsWhatOthersTook(t *testing.T) {
	t.Parallel()
	from := Host{User: time.Second, All: 10 * time.Second}
	to := Host{User: 4 * time.Second, Stolen: 500 * time.Millisecond, All: 20 * time.Second}
	require.InDelta(t, 0.15, Foreign(from, to, 2*time.Second), 1e-9)
	// What is rounded in our favour takes nothing away from the rest.
	require.InDelta(t, 0.05, Foreign(from, to, 5*time.Second), 1e-9)
	require.Zero(t, Foreign(to, to, 0))
}

func TestOfCountsDescendants(t *testing.T) {
	t.Parallel()
	parents := map[int]int{1: 0, 2: 1, 3: 2, 4: 1, 5: 6, 6: 5}
	require.True(t, below(parents, 3, 2))
	require.True(t, below(parents, 3, 1))
	require.False(t, below(parents, 4, 2))
	require.False(t, below(parents, 5, 1))

	cmd := exec.Command("sh", "-c", "while :; do :; done & read -r _; kill $!")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer func() {
		require.NoError(t, stdin.Close()) // It ends its child, and then itself.
		_ = cmd.Wait()
	}()
	require.Eventually(t, func() bool {
		tree, err := Of(cmd.Process.Pid)
		require.NoError(t, err)
		alone, err := Alone(cmd.Process.Pid)
		require.NoError(t, err)
		return tree.CPU() > alone.CPU()+100*time.Millisecond && tree.Resident > alone.Resident
	}, time.Minute, 10*time.Millisecond)
}

func TestListenerIsTheProcessWithThePort(t *testing.T) {
	t.Parallel()
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n" +
		"   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n"
	require.Equal(t, []string{"4711"}, listening(table, 8080))
	require.Empty(t, listening(table, 8081))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	pid, err := Listener(port)
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), pid)
	require.NoError(t, listener.Close())
	_, err = Listener(port)
	require.ErrorIs(t, err, ErrNoListener)
}
