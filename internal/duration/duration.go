// Package duration parses durations that may be given in days.
package duration

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
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
