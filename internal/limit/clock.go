package limit

import "time"

// epoch is where the scripts of redis_rate start to count.
var epoch = time.Date(2017, time.January, 1, 0, 0, 0, 0, time.UTC)

// clock is the scripts' time. It goes on from when it was made, since the time of day
// can jump. That it counts from their epoch makes sums round as theirs do: close to
// zero, a sum loses digits that the time alone has, and full bursts would be refused.
type clock struct {
	started time.Time
	offset  float64
}

func newClock() clock { return clock{started: time.Now(), offset: time.Since(epoch).Seconds()} }

// at is the time of day at a time of the clock.
func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

func (c clock) now() float64 { return c.offset + time.Since(c.started).Seconds() }
