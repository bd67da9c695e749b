package testsvc

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tick is the unit of times in /proc.
const tick = 10 * time.Millisecond

// ProcessorTime is what the server and its children used so far, those that have ended included
// (proc_pid_stat(5)); it is only known where there is a /proc, and 0 elsewhere.
func (s *Server) ProcessorTime() time.Duration {
	s.t.Helper()
	var ticks int64
	for _, pid := range family(s.instance.server.pid) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // It has ended; its parent has its time.
		}
		var used [4]int64
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if _, err := fmt.Sscan(strings.Join(fields[11:15], " "), &used[0], &used[1], &used[2], &used[3]); err != nil {
			s.t.Fatal(err)
		}
		ticks += used[0] + used[1] + used[2] + used[3]
	}
	return time.Duration(ticks) * tick
}

// OwnProcessorTime is what this process used so far; 0 elsewhere than on Linux.
func OwnProcessorTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
