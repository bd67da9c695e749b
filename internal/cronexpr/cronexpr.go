// Package cronexpr reads cron expressions of five fields, and says when they fire in a time zone.
//
// An expression is about what clocks in the zone show. Where they are put forward, what they skip fires as much later; where
// they are put back, what they show twice fires once, unless the field of the hour begins with "*", as in "*/5 * * * *".
package cronexpr

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // Images of containers have no zones.

	"github.com/robfig/cron/v3"
)

const (
	// maxLength bounds an expression, in bytes.
	maxLength = 200
	day       = 24 * time.Hour
)

// parser takes five fields, and no macros.
var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// Schedule is when an expression fires. Make one with [Parse].
type Schedule struct {
	// clock has the times that clocks show, as if they were UTC.
	clock cron.Schedule
	zone  *time.Location
	// everyHour has what clocks show twice fire twice.
	everyHour bool
}

// Parse reads an expression, and a zone of the IANA database, empty for UTC. One that never fires is an error.
func Parse(expression, zone string) (*Schedule, error) {
	fields := strings.Fields(expression)
	switch {
	case len(expression) > maxLength:
		return nil, fmt.Errorf("cron: must have at most %d bytes", maxLength)
	case strings.HasPrefix(expression, "@"):
		return nil, fmt.Errorf("cron: %q: five fields are taken, and no words with an @", expression)
	case strings.Contains(expression, "="):
		return nil, fmt.Errorf("cron: %q: the zone is tz", expression)
	case len(fields) != 5:
		return nil, fmt.Errorf("cron: %q: must have the five fields minute, hour, day of month, month and day of week, has %d",
			expression, len(fields))
	case zone == "Local":
		return nil, errors.New("tz: Local is another one on each machine")
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("tz: %q is no time zone like Europe/Berlin", zone)
	}
	clock, err := parser.Parse(strings.Join(append(fields[:4:4], withoutSeven(fields[4])), " "))
	if err != nil {
		return nil, fmt.Errorf("cron: %q: %w", expression, err)
	}
	clock.(*cron.SpecSchedule).Location = time.UTC
	s := &Schedule{clock: clock, zone: location, everyHour: strings.ContainsAny(fields[1][:1], "*?")}
	if s.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("cron: %q: never fires", expression)
	}
	return s, nil
}

// Next is the first instant after a time at which the schedule fires; zero where there is none within five years.
func (s *Schedule) Next(after time.Time) time.Time {
	for at := after; ; {
		begin, end := at.In(s.zone).ZoneBounds()
		if !end.IsZero() && !end.After(at) {
			end = at.Add(day) // Bounds to come may be those of the year, and that of a leap year is a day early.
		}
		next := s.nextIn(at, after, begin)
		if next.IsZero() || end.IsZero() || next.Before(end) {
			return next
		}
		at = end
	}
}

// nextIn is the first instant after a time by the clocks as they are put at another one, from begin on. It goes on where
// they are put anew.
func (s *Schedule) nextIn(at, after, begin time.Time) time.Time {
	offset := s.offset(at)
	if begin.IsZero() {
		return s.by(offset, after)
	}
	before := s.offset(begin.Add(-1))
	from := begin.Add(-1)
	if before > offset && !s.everyHour {
		from = from.Add(before - offset) // Behind what clocks show a second time.
	}
	next := s.by(offset, later(after, from))
	if before < offset { // What they skipped comes by the clocks that were not put forward.
		skipped := s.by(before, later(after, begin.Add(-1)))
		if skipped.Before(begin.Add(offset-before)) && (next.IsZero() || skipped.Before(next)) && !skipped.IsZero() {
			return skipped
		}
	}
	return next
}

// by is the first instant after a time by clocks that are so far ahead of UTC.
func (s *Schedule) by(offset time.Duration, after time.Time) time.Time {
	shown := s.clock.Next(after.UTC().Add(offset))
	if shown.IsZero() {
		return shown
	}
	return shown.Add(-offset)
}

// offset is how far clocks are ahead of UTC.
func (s *Schedule) offset(at time.Time) time.Duration {
	_, seconds := at.In(s.zone).Zone()
	return time.Duration(seconds) * time.Second
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Last is the last instant after a time, up to another one that is included; false where there is none.
func (s *Schedule) Last(after, until time.Time) (last time.Time, ok bool) {
	fires := func(from time.Time) bool {
		next := s.Next(from)
		return !next.IsZero() && !next.After(until)
	}
	if !after.Before(until) || !fires(after) {
		return last, false
	}
	// Between two instants is a minute at least: what is left of the search has one.
	for from, to := after, until; ; {
		if to.Sub(from) <= time.Minute {
			return s.Next(from), true
		}
		if middle := from.Add(to.Sub(from) / 2); fires(middle) {
			from = middle
		} else {
			to = middle
		}
	}
}
