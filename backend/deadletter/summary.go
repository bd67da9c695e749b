package deadletter

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/botgate/botgate/backend/store"
)

// maxGroups bounds the groups of a summary, maxSample its sample, and otherGroup is what is in none.
const (
	maxGroups  = 200
	maxSample  = 5
	otherGroup = "(other)"
)

// Summary counts what a filter chooses.
type Summary struct {
	// Count is how many there are.
	Count int
	// Bots and Reasons group them, the largest group first.
	Bots, Reasons []Group
	// Oldest and Newest are the times of the first death and the last; zero without one.
	Oldest, Newest time.Time
	// Sample are the first few of them, those of the newest events.
	Sample []*store.Record
	// Next is where counting ended because the budget was used up, so that there are more; nil when
	// everything was counted.
	Next *store.Position
	// Missing names the shards that did not answer.
	Missing []string
}

// Group is a part of a summary.
type Group struct {
	Name           string
	Count          int
	Oldest, Newest time.Time
}

// Summarize counts what a filter chooses, the newest first, within the budget of one call.
func Summarize(ctx context.Context, s Store, f Filter) (*Summary, error) {
	var all Group
	var sample []*store.Record
	bots, reasons, page := groups{}, groups{}, &Page{}
	err := scan(ctx, s, Query{Filter: f}, func(r *store.Record) bool {
		at := DiedAt(r)
		all.add(at)
		bots.add(r.Event.Bot, at)
		reasons.add(Reason(r), at)
		if len(sample) < maxSample {
			sample = append(sample, r)
		}
		return false
	}, page)
	if err != nil {
		return nil, err
	}
	return &Summary{
		Count: all.Count, Oldest: all.Oldest, Newest: all.Newest, Bots: bots.sorted(), Reasons: reasons.sorted(),
		Sample: sample, Next: page.Next, Missing: page.Missing,
	}, nil
}

func (g *Group) add(at time.Time) {
	if g.Count++; g.Count == 1 || at.Before(g.Oldest) {
		g.Oldest = at
	}
	if at.After(g.Newest) {
		g.Newest = at
	}
}

type groups map[string]*Group

func (all groups) add(name string, at time.Time) {
	if all[name] == nil && len(all) >= maxGroups {
		name = otherGroup
	}
	if all[name] == nil {
		all[name] = &Group{Name: name}
	}
	all[name].add(at)
}

func (all groups) sorted() []Group {
	list := make([]Group, 0, len(all))
	for g := range maps.Values(all) {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b Group) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Name, b.Name)) })
	return list
}
