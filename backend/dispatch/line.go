package dispatch

import (
	"slices"

	"github.com/botgate/botgate/backend/turns"
)

// line is where the deliveries of a bot wait for their requests. Bulk goes behind the others, as package turns has it, and
// takes half of the bot's requests at most: the next other event is not to wait for the answer to bulk.
type line struct {
	others, bulk []*turn
	turns        turns.Turns
	running      int // Requests of bulk that the breaker admitted since it opened.
}

// turn is a place in the line. Once it has come there is a pass.
type turn struct {
	isBulk bool
	come   chan struct{}
	pass   pass
}

func (l *line) len() int { return len(l.others) + len(l.bulk) }

// of is where turns like one wait.
func (l *line) of(t *turn) *[]*turn {
	if t.isBulk {
		return &l.bulk
	}
	return &l.others
}

func (l *line) add(t *turn) { *l.of(t) = append(*l.of(t), t) }

// remove takes a turn out that does not want to come any more. It returns false when it has come.
func (l *line) remove(t *turn) bool {
	all := l.of(t)
	at := slices.Index(*all, t)
	if at >= 0 {
		*all = slices.Delete(*all, at, at+1)
	}
	return at >= 0
}

// has reports whether a turn may come where so many may run at once.
func (l *line) has(most int) bool { return len(l.others) > 0 || l.mayBulk(most) }

func (l *line) mayBulk(most int) bool { return len(l.bulk) > 0 && l.running < max(1, most/2) }

// next takes out the turn that comes, of which there has to be one.
func (l *line) next(most int) *turn {
	bulk := l.mayBulk(most)
	from := &l.others
	if l.turns.IsOfBulk(len(l.others) > 0, bulk) {
		from = &l.bulk
	}
	first := (*from)[0]
	*from = (*from)[1:]
	if l.turns.Went(first.isBulk, bulk); first.isBulk {
		l.running++
	}
	return first
}
