package queue

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Retention says how much history a queue retains: events older than MaxAge are removed, and
// beyond MaxBytes the oldest are, in small steps, so that at any moment a little more is
// there. The zero value retains nothing. Events that still wait for a group stay in any case.
type Retention struct {
	// MaxAge is at least a minute.
	MaxAge time.Duration
	// MaxBytes counts bodies and attributes; it is at least [MinHistoryBytes].
	MaxBytes int64
}

// DefaultRetention is a good start.
var DefaultRetention = Retention{MaxAge: 7 * 24 * time.Hour, MaxBytes: 1 << 30}

const (
	// MinHistoryBytes is the least that [Retention.MaxBytes] can be.
	MinHistoryBytes = 1 << 20
	minHistoryAge   = time.Minute
	// maxHistoryAge keeps well below what overflows.
	maxHistoryAge = 10 * 365 * 24 * time.Hour
)

// Off reports whether nothing is retained.
func (r Retention) Off() bool { return r == Retention{} }

const retentionForm = `must be "off", or an age and a size such as "7d 1GiB"`

// ParseRetention reads "off", or an age (days as "7d", else as in time.ParseDuration) and a
// size (KB, MB, GB, TB, or the binary KiB, MiB, GiB, TiB, or plain bytes), separated by
// spaces.
func ParseRetention(text string) (Retention, error) {
	fields := strings.Fields(text)
	switch {
	case len(fields) == 1 && fields[0] == "off":
		return Retention{}, nil
	case len(fields) != 2:
		return Retention{}, errors.New(retentionForm)
	}
	age, ageErr := ParseAge(fields[0])
	size, sizeErr := parseSize(fields[1])
	switch {
	case ageErr != nil || sizeErr != nil:
		return Retention{}, errors.New(retentionForm)
	case age < minHistoryAge || age > maxHistoryAge:
		return Retention{}, errors.New("the age must be between 1m and 3650d")
	case size < MinHistoryBytes:
		return Retention{}, errors.New("the size must be at least 1MiB")
	}
	return Retention{MaxAge: age, MaxBytes: size}, nil
}

// ParseAge reads a duration of time.ParseDuration, or days, such as "7d" or "1.5d".
func ParseAge(text string) (time.Duration, error) {
	days, found := strings.CutSuffix(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || !(math.Abs(n) <= maxHistoryAge.Hours()/24) {
		return 0, fmt.Errorf("%q is no number of days", text)
	}
	return time.Duration(n * 24 * float64(time.Hour)), nil
}

func parseSize(text string) (int64, error) {
	unit := int64(1)
	for _, u := range []struct {
		name string
		size int64
	}{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
	} {
		if number, found := strings.CutSuffix(text, u.name); found {
			text, unit = number, u.size
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return n * unit, nil
}
