package console

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

const (
	refusedPath = Path + "/refused"
	// refusedWindow is how far back the page goes that does not say.
	refusedWindow = "24h"
)

// refusedFilters are those of refusals, as the API has them.
var refusedFilters = []string{"handler", "reason", "platform", "bot"}

// refusals are what gateways refused, by kind and over time, with some of the requests.
type refusals struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Step     int64     `json:"step_seconds"`
	Total    int64     `json:"total"`
	Refusals []struct {
		refusalKind

		Count int64     `json:"count"`
		First time.Time `json:"first"`
		Last  time.Time `json:"last"`
	} `json:"refusals"`
	Others int64 `json:"others"`
	Points []struct {
		At    time.Time `json:"at"`
		Count int64     `json:"count"`
	} `json:"points"`
	Samples []struct {
		refusalKind

		At        time.Time `json:"at"`
		RequestID string    `json:"requestid"`
		Client    string    `json:"client"`
		Method    string    `json:"method"`
		Path      string    `json:"path"`
		User      string    `json:"user"`
	} `json:"samples"`
	SearchedTo time.Time `json:"searched_to"`
}

// refusalKind is which check refused, and why.
type refusalKind struct {
	Handler  string `json:"handler"`
	Reason   string `json:"reason"`
	Platform string `json:"platform"`
	Bot      string `json:"bot"`
}

// refusedRow is a kind of refusals in a list; Only is the list of these.
type refusedRow struct {
	Handler, Reason, Of       string
	Only                      string
	Count, First, Last        string
	Time                      stamp
	Day                       string
	Client, Request, User, ID string
}

type refusedPage struct {
	Chips         []chip
	Windows       []choice
	Window, Total string
	Chart         []chart
	Kinds, Rows   []refusedRow
	Others        string
	SearchedTo    string
	AllTime       string
	// Stream is where scripts count what is new; empty for a window that is over.
	Stream, Newest string
}

// listRefused shows what gateways refused, by reason, over time, and some of the requests.
func (*Console) listRefused(v *visit) error {
	f, err := v.readFilter(refusedPath, append([]string{"from", "to"}, refusedFilters...)...)
	if err != nil {
		return err
	}
	q := f.query(refusedWindow)
	a := getShared("/v1/refusals", q)
	var answer refusals
	if err := v.ask(a, &answer); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := refusedPage{Chips: f.chips(), Total: number(answer.Total), AllTime: f.with("from", "7d", "to", "")}
	page.Windows, page.Window = f.windowChoices(refusedWindow, v.now)
	page.Windows = slices.DeleteFunc(page.Windows, func(c choice) bool { // The API looks at seven days at most.
		return c.Name == "30 d" || c.Name == "all time"
	})
	if f.get("to") == "" {
		page.Stream, page.Newest = streamOf(ofRefusals, f), f.with()
	}
	if answer.Others > 0 {
		page.Others = number(answer.Others)
	}
	if !answer.SearchedTo.IsZero() {
		page.SearchedTo = v.stamp(answer.SearchedTo).Full
	}
	v.addRefused(&page, answer, f)
	return v.render("refused", "Refused", page)
}

// addRefused adds the kinds, the requests and the chart.
func (v *visit) addRefused(page *refusedPage, answer refusals, f filter) {
	for _, r := range answer.Refusals {
		row := refusedRowOf(r.refusalKind, f)
		row.Count, row.First, row.Last = number(r.Count), v.ago(r.First), v.ago(r.Last)
		page.Kinds = append(page.Kinds, row)
	}
	day := ""
	for _, s := range answer.Samples {
		row := refusedRowOf(s.refusalKind, f)
		row.Time, row.Client, row.User, row.ID = v.stamp(s.At), visible(s.Client), visible(s.User), visible(s.RequestID)
		row.Request = visible(s.Method + " " + s.Path)
		if row.Time.Day != day {
			row.Day, day = row.Time.Day, row.Time.Day
		}
		page.Rows = append(page.Rows, row)
	}
	over := stats{From: answer.From, To: answer.To, Step: answer.Step}
	for _, p := range answer.Points {
		over.Points = append(over.Points, activity{At: p.At, Accepted: p.Count})
	}
	page.Chart = []chart{v.chartOf(over, chart{Name: "Refused", Now: page.Total, About: "requests", Unit: "requests", Series: []string{"refused"}},
		func(a activity) []string { return []string{strconv.FormatInt(a.Accepted, 10)} })}
}

func refusedRowOf(k refusalKind, f filter) refusedRow {
	only := filter{f.path, maps.Clone(f.values)}
	for name, value := range map[string]string{"handler": k.Handler, "reason": k.Reason, "platform": k.Platform, "bot": k.Bot} {
		if value != "" {
			only.values[name] = []string{value}
		}
	}
	row := refusedRow{Handler: visible(k.Handler), Reason: visible(k.Reason), Only: only.with()}
	for _, of := range []string{k.Platform, k.Bot} {
		if of == "" {
			continue
		}
		if row.Of != "" {
			row.Of += ", "
		}
		row.Of += visible(of)
	}
	return row
}
