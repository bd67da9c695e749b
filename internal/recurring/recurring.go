// Package recurring bounds what is logged of something that happens again and again: the first time at once, then one
// line a [Period] with how often it happened meanwhile, and one when it is over.
package recurring

import "time"

// Period is the least time between two lines about one thing.
const Period = 5 * time.Minute

// Count is one thing that happens. Its zero value never happened. It has no lock and no clock.
type Count struct {
	due   time.Time // When the next line may be.
	since int       // How often it happened since the last line.
	began time.Time
	total int // How often it happened since it began.
	told  bool
}

// Again notes that it happened. It reports whether that is to be logged, and how often it happened since the last
// line, this time included.
func (c *Count) Again(now time.Time) (times int, isDue bool) {
	if c.total == 0 {
		c.began = now
	}
	c.since++
	c.total++
	if now.Before(c.due) {
		return 0, false
	}
	times, c.since = c.since, 0
	c.due, c.told = now.Add(Period), true
	return times, true
}

// Over notes that it is over. It returns how often it happened and since when; 0 where nothing was logged since it
// was last over: nobody waits for that line then.
func (c *Count) Over() (times int, began time.Time) {
	if !c.told {
		return 0, began
	}
	times, began = c.total, c.began
	c.total, c.told = 0, false
	return times, began
}
