package botlimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bounds of a rate. Within them the arithmetic keeps microseconds exact.
const (
	maxCount  = 1_000_000
	maxPeriod = 24 * time.Hour
)

var errRate = errors.New("want <count>/<period>, such as 10/s, 600/m, 5000/h or 100/30s")

// Rate is how many requests are allowed in a period, evenly spread.
type Rate struct {
	// Count is the number of requests, from 1 to a million.
	Count int
	// Period is a whole number of seconds, at most a day.
	Period time.Duration
}

// parseRate parses "<count>/<period>"; the period is s, m, h, or a duration such as 30s.
func parseRate(text string) (Rate, error) {
	count, period, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(count)
	if !ok || err != nil {
		return Rate{}, fmt.Errorf("%q: %w", text, errRate)
	}
	if period == "s" || period == "m" || period == "h" {
		period = "1" + period
	}
	d, err := time.ParseDuration(period)
	if err != nil {
		return Rate{}, fmt.Errorf("%q: %w", text, errRate)
	}
	if n < 1 || n > maxCount {
		return Rate{}, fmt.Errorf("%q: the count must be from 1 to %d", text, maxCount)
	}
	if d < time.Second || d > maxPeriod || d%time.Second != 0 {
		return Rate{}, fmt.Errorf("%q: the period must be whole seconds, from 1s to 24h", text)
	}
	return Rate{Count: n, Period: d}, nil
}

// String is the form that [parseRate] reads.
func (r Rate) String() string {
	var period string
	switch r.Period {
	case time.Second:
		period = "s"
	case time.Minute:
		period = "m"
	case time.Hour:
		period = "h"
	default:
		period = strconv.Itoa(int(r.Period/time.Second)) + "s"
	}
	return strconv.Itoa(r.Count) + "/" + period
}

// MarshalText implements [encoding.TextMarshaler].
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = parseRate(string(text))
	return err
}
