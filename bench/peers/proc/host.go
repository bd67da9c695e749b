package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Host is what the whole machine has used so far, over all processors.
type Host struct {
	// User is the time of programs; the kernel's is left out, since it is not known for whom that was.
	User time.Duration
	// Stolen is the time that a virtual machine did not get.
	Stolen time.Duration
	// All is the time that has passed, on every processor.
	All time.Duration
}

// ReadHost reads /proc/stat.
func ReadHost() (Host, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Host{}, err
	}
	return parseHost(string(text))
}

// parseHost reads the line "cpu user nice system idle iowait irq softirq steal …".
func parseHost(text string) (Host, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	const known = 8
	if len(fields) <= known || fields[0] != "cpu" {
		return Host{}, fmt.Errorf("no line of all processors: %q", line)
	}
	var values [known]time.Duration
	var all time.Duration
	for n := range values {
		ticks, err := strconv.ParseInt(fields[n+1], 10, 64)
		if err != nil {
			return Host{}, fmt.Errorf("field %d: %w", n+1, err)
		}
		values[n] = time.Duration(ticks) * tick
		all += values[n]
	}
	return Host{User: values[0] + values[1], Stolen: values[7], All: all}, nil
}

// Foreign is the share of the machine that others took between two readings, where own is the time that
// our own programs used of it: from 0 to 1.
func Foreign(from, to Host, own time.Duration) float64 {
	if to.All <= from.All {
		return 0
	}
	others := max(0, to.User-from.User-own) + to.Stolen - from.Stolen
	return min(1, others.Seconds()/(to.All-from.All).Seconds())
}
