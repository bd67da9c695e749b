package console

import (
	"fmt"
	"net/url"
	"slices"
	"time"
)

// lateAfter is how long the oldest event of a bot waits before somebody should look.
const lateAfter = 5 * time.Minute

// need is something that a person should look at.
type need struct {
	Mark          mark
	What, Detail  string
	Name, Address string
}

// overview is the first page. A part that can't be had says so in its place; the others stand.
type overview struct {
	Needs   []need
	Charts  []chart
	Bots    []botRow
	Reasons []groupRow
	// NoCharts and NoBots are why a part is missing.
	NoCharts, NoBots *trouble
	MoreBots         bool
}

// showHome shows what needs somebody, and how it goes.
func (c *Console) showHome(v *visit) error {
	if _, err := v.readFilter(Path + "/"); err != nil {
		return err
	}
	page := overview{}
	s, a, err := v.askStats("", "1h")
	v.curl = v.asCurl(a)
	if err != nil {
		page.NoCharts = v.explain(v.r.Context(), err)
	} else {
		page.Charts = v.charts(s)
	}
	var bots botList
	if err := v.ask(getShared("/v1/bots", url.Values{"limit": {"100"}}), &bots); err != nil {
		page.NoBots = v.explain(v.r.Context(), err)
	}
	page.MoreBots = bots.NextCursor != ""
	for _, b := range bots.Bots {
		page.Bots = append(page.Bots, v.botRow(b))
		page.Needs = append(page.Needs, v.needsOf(b)...)
	}
	slices.SortStableFunc(page.Bots, func(a, b botRow) int { return badness(b.Mark) - badness(a.Mark) })
	v.addSparks(page.Bots)
	if v.May(scopeAct) {
		v.addDead(&page)
	}
	return v.render("home", "Overview", page)
}

// badness orders bots: those that need somebody come first.
func badness(m mark) int { return slices.Index([]string{"mute", "good", "warn", "bad"}, m.Tone) }

// needsOf says what about a bot somebody should look at.
func (v *visit) needsOf(b botState) (needs []need) {
	row := v.botRow(b)
	if b.Pause != nil {
		return []need{{row.Mark, row.Name, "what is for it waits, since " + about(v.now.Sub(b.Pause.Since)), "look at the bot", row.Address}}
	}
	if m := row.Mark; m.Tone == "bad" || m.Tone == "warn" {
		detail := fmt.Sprintf("%d of %s failed in 5 min", b.Last5m.Failed+b.Last5m.Dead, count(int(b.Last5m.tried()), "attempt", "attempts"))
		if b.LastFailure != nil {
			detail += ": " + visible(b.LastFailure.Error)
		}
		needs = append(needs, need{m, row.Name, detail, "look at the bot", row.Address})
	}
	if waits := v.now.Sub(b.OldestAt); !b.OldestAt.IsZero() && waits > lateAfter {
		needs = append(needs, need{mark{"late", "◷", "warn"}, row.Name, "its oldest event waits for " + about(waits), "look at its events", row.Events})
	}
	return needs
}

// addDead adds what died of late.
func (v *visit) addDead(page *overview) {
	var sum summary
	if err := v.ask(getShared("/v1/dead/summary", url.Values{"since": {"1h"}}), &sum); err != nil || sum.Count == 0 {
		return
	}
	f := filter{deadPath, url.Values{"since": {"1h"}}}
	page.Reasons = v.groups(sum.Reasons, f, "reason")
	for i := range page.Reasons {
		if page.Reasons[i].Only != "" {
			page.Reasons[i].Only = deadPath + page.Reasons[i].Only
		}
	}
	page.Needs = append(page.Needs, need{
		markOf("dead"), count(sum.Count, "dead letter", "dead letters"), "in the last hour, of " + count(len(sum.Reasons), "reason", "reasons"),
		"look at them", deadPath + "?since=1h",
	})
}
