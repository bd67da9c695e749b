package testsvc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// orphanSignal makes the kernel send s to the process when we die.
func orphanSignal(attr *syscall.SysProcAttr, s syscall.Signal) { attr.Pdeathsig = s }

// family lists a process and all its descendants, parents first. PostgreSQL gives each
// of its children a process group of its own, so a group would not reach them.
func family(root int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, parent, ok := parseStat(stat)
		if !ok {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{root}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// parseStat reads a stat file: "<pid> (<name>) <state> <ppid> ...", where the name may hold anything.
func parseStat(stat []byte) (state string, parent int, ok bool) {
	end := bytes.LastIndexByte(stat, ')')
	if end < 0 {
		return "", 0, false
	}
	_, err := fmt.Sscan(string(stat[end+1:]), &state, &parent)
	return state, parent, err == nil
}

// frozen reports whether every thread of a process is stopped, or gone. On a busy machine
// threads go on for a while after SIGSTOP was sent.
func frozen(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range threads {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if state, _, ok := parseStat(stat); ok && state != "T" && state != "t" && state != "Z" && state != "X" {
			return false
		}
	}
	return true
}
