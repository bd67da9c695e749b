package console

import (
	"net/url"
	"slices"
)

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
