package console

import (
	"maps"
	"time"
)

const deadPath = Path + "/dead"

// deadFilters are those of dead letters, as the API has them.
var deadFilters = []string{"bot", "type", "user", "reason", "since", "until"}

// deadLetter is one of the API.
type deadLetter struct {
	ID         string    `json:"id"`
	Bot        string    `json:"bot"`
	Type       string    `json:"type"`
	User       string    `json:"subject"`
	Time       time.Time `json:"time"`
	Reason     string    `json:"reason"`
	StatusCode int       `json:"status_code"`
	Attempts   int       `json:"attempts"`
	DiedAt     time.Time `json:"died_at"`
	Replays    int       `json:"replays"`
}

// summary counts dead letters.
type summary struct {
	Count      int       `json:"count"`
	Bots       []group   `json:"bots"`
	Reasons    []group   `json:"reasons"`
	Oldest     time.Time `json:"oldest"`
	Newest     time.Time `json:"newest"`
	Until      time.Time `json:"until"`
	SearchedTo time.Time `json:"searched_to"`
	Incomplete bool      `json:"incomplete"`
}

type group struct {
	Name   string    `json:"name"`
	Count  int       `json:"count"`
	Oldest time.Time `json:"oldest"`
	Newest time.Time `json:"newest"`
}

// groupRow is a reason or a bot, and how many died of or at it.
type groupRow struct {
	Name, Count, Oldest, Newest string
	// Only is the list of these; empty where no filter chooses them.
	Only string
	// Replay and Drop ask about these; empty where nobody may, or no filter chooses them.
	Replay, Drop string
}

// deadRow is a dead letter as a row of a list.
type deadRow struct {
	ID, Address, Short, Reason, Attempts string
	Bot, Type, User                      string
	Died                                 stamp
	Day                                  string
}

// deadPage is dead letters by reason and by bot, and the list of them.
type deadPage struct {
	Filter         map[string]string
	Chips          []chip
	Windows        []choice
	Window         string
	Count          string
	None           bool
	Reasons, Bots  []groupRow
	Rows           []deadRow
	First, Older   string
	SearchedTo     string
	Incomplete     bool
	Plain, AllTime string
	// ReplayAll and DropAll are about all that the filter matches.
	ReplayAll, DropAll action
}

// listDead shows the dead letters that the address asks for.
func (c *Console) listDead(v *visit) error {
	f, err := v.readFilter(deadPath, append([]string{"cursor"}, deadFilters...)...)
	if err != nil {
		return err
	}
	q := f.query(standardWindow)
	var list struct {
		Dead       []deadLetter `json:"dead"`
		NextCursor string       `json:"next_cursor"`
		SearchedTo time.Time    `json:"searched_to"`
		Incomplete bool         `json:"incomplete"`
	}
	if err := v.ask(get("/v1/dead", maps.Clone(q)), &list); err != nil {
		return err
	}
	q.Del("cursor")
	a := get("/v1/dead/summary", q)
	var sum summary
	if err := v.ask(a, &sum); err != nil {
		return err
	}
	v.curl = v.asCurl(get("/v1/dead", maps.Clone(q)))
	page := deadPage{
		Filter: map[string]string{}, Chips: f.chips(), Count: count(sum.Count, "dead letter", "dead letters"), None: sum.Count == 0,
		Reasons: v.groups(sum.Reasons, f, "reason"), Bots: v.groups(sum.Bots, f, "bot"), Rows: v.deadRows(list.Dead),
		Incomplete: list.Incomplete || sum.Incomplete, Plain: deadPath, AllTime: f.with("since", allTime, "until", ""),
		ReplayAll: action{movePath(verbReplay, moveQuery(f)), v.why(scopeAct)},
		DropAll:   action{movePath(verbDrop, moveQuery(f)), v.why(scopeAdmin)},
	}
	v.addMoves(page.Reasons, sum.Reasons, f, "reason")
	v.addMoves(page.Bots, sum.Bots, f, "bot")
	for _, name := range deadFilters {
		page.Filter[name] = f.get(name)
	}
	page.Windows, page.Window = f.windowChoices(standardWindow, v.now)
	if !sum.SearchedTo.IsZero() {
		page.SearchedTo = v.stamp(sum.SearchedTo).Full
	}
	if f.get("cursor") != "" {
		page.First = f.with()
	}
	if list.NextCursor != "" {
		page.Older = f.with("cursor", list.NextCursor)
	}
	return v.render("dead", "Dead letters", page)
}

// groups are rows of a column, with addresses of what is in each of them.
func (v *visit) groups(groups []group, f filter, column string) []groupRow {
	rows := make([]groupRow, len(groups))
	for i, g := range groups {
		only := filter{f.path, maps.Clone(f.values)}
		only.values.Set(column, g.Name)
		rows[i] = groupRow{
			Name: visible(g.Name), Count: number(int64(g.Count)), Oldest: v.ago(g.Oldest), Newest: v.ago(g.Newest),
			Only: only.with(),
		}
		if g.Name == "" {
			rows[i].Name, rows[i].Only = "(none)", ""
		}
	}
	return rows
}

// addMoves adds what can be done with those of a row, where a filter chooses them.
func (v *visit) addMoves(rows []groupRow, groups []group, f filter, column string) {
	for i, g := range groups {
		if g.Name == "" {
			continue
		}
		q := moveQuery(f)
		q.Set(column, g.Name)
		if v.why(scopeAct) == "" {
			rows[i].Replay = movePath(verbReplay, q)
		}
		if v.why(scopeAdmin) == "" {
			rows[i].Drop = movePath(verbDrop, q)
		}
	}
}

func (v *visit) deadRows(letters []deadLetter) []deadRow {
	rows := make([]deadRow, len(letters))
	day := ""
	for i, d := range letters {
		rows[i] = deadRow{
			ID: d.ID, Address: eventsPath + "/" + d.ID, Short: short(d.ID), Reason: visible(d.Reason), Bot: visible(d.Bot), Type: visible(d.Type),
			User: visible(d.User), Died: v.stamp(d.DiedAt), Attempts: count(d.Attempts, "attempt", "attempts"),
		}
		if at := rows[i].Died.Day; at != day {
			rows[i].Day, day = at, at
		}
	}
	return rows
}
