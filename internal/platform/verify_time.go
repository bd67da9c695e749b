package platform

import (
	"strconv"
	"time"

	"github.com/botgate/botgate/internal/rfc3339"
)

// defaultTolerance is how far a signed timestamp may be from now, both ways.
const defaultTolerance = 5 * time.Minute

// clock is how a sender writes the time. What parse takes has one spelling of each number, and so, as
// long as it is near to now, a length of its own: where it ends is no question, whatever follows.
type clock struct {
	parse  func(text string) (time.Time, error)
	format func(time.Time) string
}

// The clocks by the names that the option timestamp_format has for them.
var clocks = map[string]clock{
	"seconds":      {epoch(time.Second), func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }},
	"milliseconds": {epoch(time.Millisecond), func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }},
	"rfc3339":      {rfc3339.Parse, func(at time.Time) string { return at.UTC().Format(time.RFC3339) }},
}

// epoch reads how many units went by since 1970, without a sign and without zeros before the number.
func epoch(unit time.Duration) func(text string) (time.Time, error) {
	return func(text string) (time.Time, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != text {
			return time.Time{}, badTimestamp
		}
		perSecond := int64(time.Second / unit)
		return time.Unix(n/perSecond, n%perSecond*int64(unit)), nil
	}
}

// check compares a timestamp with now, in both directions; a tolerance of whole seconds lasts to the
// end of its last second where that is the clock's unit.
func (c clock) check(timestamp string, now time.Time, tolerance time.Duration) error {
	at, err := c.parse(timestamp)
	if err != nil {
		return badTimestamp
	}
	if at.Nanosecond() == 0 {
		now = now.Truncate(time.Second)
	}
	if off := now.Sub(at); off > tolerance || off < -tolerance {
		return timestampOutOfTolerance
	}
	return nil
}

// checkTimestamp is the check of Unix seconds.
func checkTimestamp(timestamp string, now time.Time, tolerance time.Duration) error {
	return clocks["seconds"].check(timestamp, now, tolerance)
}
