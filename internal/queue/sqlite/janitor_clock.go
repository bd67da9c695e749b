package sqlite

import (
	"log/slog"
	"time"
)

// clockStep is the least by which a clock is set that matters here; less is how clocks run.
const clockStep = time.Minute

// ageClock tells how old things are, so that a wall clock that is set forward does not make everything
// too old at once: what it gained while this process runs does not count.
type ageClock struct {
	start  time.Time // Its monotonic reading counts.
	log    *slog.Logger
	wall   time.Time // At the last look, without a monotonic reading.
	since  time.Duration
	gained time.Duration
}

func newAgeClock(log *slog.Logger) *ageClock {
	start := time.Now()
	return &ageClock{start: start, log: log, wall: start.Round(0)}
}

// now is the time to compare times of the file with.
func (c *ageClock) now() time.Time {
	now := time.Now()
	return c.look(now.Round(0), now.Sub(c.start))
}

// look takes the wall clock and the time since the start.
func (c *ageClock) look(wall time.Time, since time.Duration) time.Time {
	step := wall.Sub(c.wall) - (since - c.since)
	c.wall, c.since = wall, since
	switch {
	case step >= clockStep:
		c.gained += step
		c.log.Warn("the clock was set forward: the queue's history and the ids that it has seen are kept for as much longer",
			slog.Duration("by", step))
	case step <= -clockStep:
		c.gained = max(0, c.gained+step)
	}
	return wall.Add(-c.gained)
}
