package cron

import (
	"context"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/cronexpr"
	"github.com/botgate/botgate/internal/event"
)

// entry is a schedule of a bot.
type entry struct {
	bots.Schedule
	bot   string
	times *cronexpr.Schedule
	// mark is up to when it has fired, as this process knows, and next the first instant after that. Both are zero until
	// the mark was read.
	mark, next time.Time
}

func newEntry(bot string, s bots.Schedule) (*entry, error) {
	times, err := cronexpr.Parse(s.Cron, s.TZ)
	if err != nil {
		return nil, fmt.Errorf("bot %s: schedule %s: %w", bot, s.Name, err)
	}
	return &entry{Schedule: s, bot: bot, times: times}, nil
}

func (e *entry) key() Key { return Key{e.Name, e.Cron + " " + e.TZ} }

// isOpen reports whether its mark is to be looked at: also where it is ahead of the clock here, and may be put right.
func (e *entry) isOpen(now time.Time) bool {
	isDue := !e.next.IsZero() && !e.next.After(now)
	return isDue || now.Sub(e.mark) >= renewAfter || e.mark.After(now)
}

func openOf(entries []*entry, now time.Time) (open []*entry) {
	for _, e := range entries {
		if e.isOpen(now) {
			open = append(open, e)
		}
	}
	return open
}

// know notes up to when it has fired.
func (e *entry) know(mark time.Time) { e.mark, e.next = mark, e.times.Next(mark) }

// event is that of an instant, the same whoever makes it.
func (e *entry) event(at time.Time) *event.Event {
	made := &event.Event{
		ID:  event.Identity{Bot: e.bot, Sender: "botgate-schedule", Key: e.Name + "#" + at.UTC().Format(time.RFC3339)}.ID(""),
		Bot: e.bot, Type: e.Type, Time: at, OrderKey: "/schedules/" + e.Name, VerifiedBy: "botgate",
		ContentType: "application/json", Data: []byte(e.Data),
	}
	made.Normalize()
	made.Schedule(made.Time)
	return made
}

// plan is what is to be done about schedules of a bot.
type plan struct {
	// begin have no mark yet, and fire from now on.
	begin []Key
	// events are the last ones that are due; what was missed before them is not made up for.
	events []*event.Event
	// advance are the schedules that have fired up to now then, or whose mark is old.
	advance []*entry
}

// planFor says what is to be done by the marks, and takes those into account.
func planFor(open []*entry, marks map[Key]time.Time, now time.Time) (p plan) {
	for _, e := range open {
		mark, known := marks[e.key()]
		if !known {
			p.begin = append(p.begin, e.key()) // Somebody else's mark may be earlier: it is read the next time.
			continue
		}
		at, isDue := e.times.Last(mark, now)
		switch {
		case isDue:
			p.events = append(p.events, e.event(at))
			fallthrough
		case now.Sub(mark) >= renewAfter:
			p.advance = append(p.advance, e)
		default:
			e.know(mark)
		}
	}
	return p
}

func (p plan) advanced() []Key {
	keys := make([]Key, len(p.advance))
	for n, e := range p.advance {
		keys[n] = e.key()
	}
	return keys
}

// serve publishes what is due for a bot, and moves its marks then. Whoever is killed in between has it done again, with the
// same ids.
func (s *Scheduler) serve(ctx context.Context, bot string, entries []*entry) error {
	now := s.cfg.Now().Truncate(time.Microsecond)
	open := openOf(entries, now)
	if len(open) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, botTimeout)
	defer cancel()
	marks, err := s.cfg.Marks.Load(ctx, bot)
	if err != nil {
		return err
	}
	p := planFor(open, marks, now)
	if err := s.cfg.Marks.Begin(ctx, bot, p.begin, now); err != nil {
		return err
	}
	if len(p.events) > 0 {
		if err := s.cfg.Publish(ctx, p.events...); err != nil {
			return fmt.Errorf("publishing what is due: %w", err)
		}
		s.metrics.fired.Add(float64(len(p.events)))
	}
	if err := s.cfg.Marks.Advance(ctx, bot, p.advanced(), now); err != nil {
		return err
	}
	for _, e := range p.advance {
		e.know(now)
	}
	return nil
}
