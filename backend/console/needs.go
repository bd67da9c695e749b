package console

import (
	"fmt"
	"net/url"
	"time"
)

// lateAfter is how long the oldest event of a bot waits before somebody should look.
const lateAfter = 5 * time.Minute

// askedBots is how many bots are looked at before dead letters are replayed: those with most of them.
const askedBots = 5

// lookAtBot is the link to a bot.
const lookAtBot = "look at the bot"

// need is something that a person should look at.
type need struct {
	Mark          mark
	What, Detail  string
	Name, Address string
}

// needsOf says what about a bot somebody should look at.
func (v *visit) needsOf(b botState) (needs []need) {
	row := v.botRow(b)
	switch m := row.Mark; {
	case b.Pause != nil:
		return []need{{m, row.Name, "what is for it waits, since " + about(v.now.Sub(b.Pause.Since)), lookAtBot, row.Address}}
	case b.Pull != nil && b.Pull.Absent > 0:
		needs = append(needs, need{m, row.Name, "nobody has asked for its events for " + about(time.Duration(b.Pull.Absent*float64(time.Second))), lookAtBot, row.Address})
	case m.Tone == "bad" || m.Tone == "warn":
		detail := fmt.Sprintf("%d of %s failed in 5 min", b.Last5m.Failed+b.Last5m.Dead, count(int(b.Last5m.tried()), "attempt", "attempts"))
		if b.LastFailure != nil {
			detail += ": " + visible(b.LastFailure.Error)
		}
		needs = append(needs, need{m, row.Name, detail, lookAtBot, row.Address})
	}
	if waits := v.now.Sub(b.OldestAt); !b.OldestAt.IsZero() && waits > lateAfter {
		needs = append(needs, need{mark{"late", "◷", "warn"}, row.Name, "its oldest event waits for " + about(waits), "look at its events", row.Events})
	}
	return needs
}

// needsOfBots says it of some bots before they get dead letters again. Of a bot that can't be had it says nothing.
func (v *visit) needsOfBots(names []string) (needs []need) {
	for _, name := range names[:min(len(names), askedBots)] {
		var b botState
		if err := v.ask(getShared("/v1/bots/"+url.PathEscape(name), nil), &b); err == nil {
			needs = append(needs, v.needsOf(b)...)
		}
	}
	return needs
}
