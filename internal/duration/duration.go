// Package duration parses durations that may be given in days, and times that may be given as an age.
package duration

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/rfc3339"
)

const day = 24 * time.Hour

// Parse parses a duration of [time.ParseDuration], or days, such as "7d" or "1.5d".
func Parse(text string) (time.Duration, error) {
	days, found := strings.CutSuffix(text, "d")
	if !found {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || !(math.Abs(n) < float64(math.MaxInt64/day)) { // NaN, too.
		return 0, fmt.Errorf("%q is no number of days", text)
	}
	return time.Duration(n * float64(day)), nil
}

// ParseTime parses a time of RFC 3339, or an age as in [Parse], which is that long before now.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if at, err := rfc3339.Parse(text); err == nil {
		return at, nil
	}
	age, err := Parse(text)
	if err != nil || age <= 0 || strings.HasPrefix(text, "+") {
		return time.Time{}, errors.New("it must be a time like 2026-03-01T12:00:00Z, or an age like 24h or 7d")
	}
	return now.Add(-age), nil
}
