package pull

import "time"

// absentAfter is how long nobody may ask for a bot's events until it is absent: pollers work between two receives.
const absentAfter = 30 * time.Second

// Use is what is known of a bot that pulls.
type Use struct {
	// Absent is how long nobody has asked for its events; 0 while somebody does, or did a moment ago.
	Absent time.Duration
	// Lent is how many events pollers have.
	Lent int
}

// Uses are those of all bots that pull.
func (l *Ledger) Uses() map[string]Use {
	l.mu.Lock()
	defer l.mu.Unlock()
	uses := map[string]Use{}
	for bot, line := range l.lines {
		if !line.gone {
			uses[bot] = Use{Absent: line.absent(time.Now()), Lent: len(line.lent)}
		}
	}
	return uses
}

// IsAbsent reports whether nobody asks for a bot's events.
func (l *Ledger) IsAbsent(bot string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := l.lines[bot]
	return line == nil || line.absent(time.Now()) > 0
}

func (l *line) absent(now time.Time) time.Duration {
	away := now.Sub(l.polled)
	if l.pollers > 0 || len(l.lent) > 0 || away < absentAfter {
		return 0
	}
	return away
}
