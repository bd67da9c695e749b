// Package proc reads from /proc what processes have used of the machine (Linux: proc(5)).
package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: Linux shows hundredths of a second on every architecture
// that Go runs on.
const tick = 10 * time.Millisecond

// Usage is what processes have used so far, and have now.
type Usage struct {
	// User and System are processor time.
	User, System time.Duration
	// Resident is the memory that is in RAM, in bytes; what processes share counts for each.
	Resident int64
}

// CPU is all processor time.
func (u Usage) CPU() time.Duration { return u.User + u.System }

func (u Usage) plus(o Usage) Usage {
	return Usage{u.User + o.User, u.System + o.System, u.Resident + o.Resident}
}

// Of is what a process and all its descendants have used; processes that have ended do not count.
func Of(pid int) (Usage, error) {
	parents, usages := map[int]int{}, map[int]Usage{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended.
		}
		id, parent, usage, err := parseStat(text)
		if err != nil {
			return Usage{}, fmt.Errorf("reading %s: %w", path, err)
		}
		parents[id], usages[id] = parent, usage
	}
	if _, runs := usages[pid]; !runs {
		return Usage{}, fmt.Errorf("process %d has ended", pid)
	}
	var sum Usage
	for id, usage := range usages {
		if below(parents, id, pid) {
			sum = sum.plus(usage)
		}
	}
	return sum, nil
}

// Alone is what a process itself has used, without its descendants.
func Alone(pid int) (Usage, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, err
	}
	_, _, usage, err := parseStat(text)
	return usage, err
}

// below reports whether a process is another one or descends from it.
func below(parents map[int]int, id, ancestor int) bool {
	for range len(parents) {
		if id == ancestor {
			return true
		}
		id = parents[id]
	}
	return false
}

// parseStat reads /proc/<pid>/stat: "<pid> (<name>) <state> <ppid> …", where the name may hold anything.
func parseStat(text []byte) (id, parent int, usage Usage, err error) {
	first, _, _ := bytes.Cut(text, []byte(" "))
	if id, err = strconv.Atoi(string(first)); err != nil {
		return 0, 0, Usage{}, fmt.Errorf("its number: %w", err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	// proc_pid_stat(5) counts from 1, and the state is the third.
	const state = 3
	var values [4]int64
	for n, field := range []int{4, 14, 15, 24} {
		if len(fields) <= field-state {
			return 0, 0, Usage{}, fmt.Errorf("%d fields", len(fields))
		}
		if values[n], err = strconv.ParseInt(fields[field-state], 10, 64); err != nil {
			return 0, 0, Usage{}, fmt.Errorf("field %d: %w", field, err)
		}
	}
	return id, int(values[0]), Usage{
		User: time.Duration(values[1]) * tick, System: time.Duration(values[2]) * tick,
		Resident: values[3] * int64(os.Getpagesize()),
	}, nil
}
