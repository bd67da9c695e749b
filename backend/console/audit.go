package console

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	auditPath = Path + "/audit"
	// auditWindow is how far back the audit goes that does not say.
	auditWindow = "7d"
)

// change is an entry of the audit. Each change has one before it, and one with its outcome.
type change struct {
	At        time.Time `json:"at"`
	Phase     string    `json:"phase"`
	RequestID string    `json:"requestid"`
	By        string    `json:"by"`
	Issuer    string    `json:"issuer"`
	Session   string    `json:"session"`
	Address   string    `json:"address"`
	Bot       string    `json:"bot"`
	Action    string    `json:"action"`
	Target    string    `json:"target"`
	Status    int       `json:"status"`
	Job       string    `json:"job"`
}

// changeRow is a change with its outcome.
type changeRow struct {
	Time                         stamp
	Day                          string
	Mark                         mark
	By, OnlyBy                   string
	Action, OnlyAction           string
	Target, Job, JobAddress, Bot string
	// Trail is what finds the change in logs: the ids of request and session, issuer and address.
	Trail string
}

type auditPage struct {
	Filter       map[string]string
	Chips        []chip
	Windows      []choice
	Window       string
	Rows         []changeRow
	Plain        string
	AllTime      string
	First, Older string
}

// listAudit shows who changed what, newest first.
func (c *Console) listAudit(v *visit) error {
	f, err := v.readFilter(auditPath, "by", "bot", "action", "from", "to", "cursor")
	if err != nil {
		return err
	}
	var answer struct {
		Entries    []change `json:"entries"`
		NextCursor string   `json:"next_cursor"`
	}
	q := f.query(auditWindow)
	q.Set("limit", "100") // Two for each change.
	a := get("/v1/audit", q)
	if err := v.ask(a, &answer); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := auditPage{
		Filter: map[string]string{}, Chips: f.chips(), Rows: v.changeRows(answer.Entries, f), Plain: auditPath, AllTime: f.with("from", allTime, "to", ""),
	}
	for _, name := range []string{"by", "bot", "action", "from", "to"} {
		page.Filter[name] = f.get(name)
	}
	page.Windows, page.Window = f.windowChoices(auditWindow, v.now)
	if f.get("cursor") != "" {
		page.First = f.with()
	}
	if answer.NextCursor != "" {
		page.Older = f.with("cursor", answer.NextCursor)
	}
	return v.render("audit", "Audit", page)
}

// changeRows make one row of the two entries of a change. Its outcome comes first, since it is newer.
func (v *visit) changeRows(entries []change, f filter) (rows []changeRow) {
	answered := map[string]bool{}
	day := ""
	for _, e := range entries {
		if e.Phase == "answered" {
			answered[e.RequestID] = true
		} else if answered[e.RequestID] {
			continue
		}
		row := changeRow{
			Time: v.stamp(e.At), Mark: markOfChange(e), By: visible(e.By), Action: visible(e.Action), OnlyAction: f.with("action", e.Action),
			Target: readable(e.Target), Bot: visible(e.Bot), Trail: "Request id " + visible(e.RequestID),
		}
		for _, one := range [][2]string{{"session", e.Session}, {"issuer", e.Issuer}, {"from", e.Address}} {
			if one[1] != "" {
				row.Trail += ", " + one[0] + " " + visible(one[1])
			}
		}
		if e.By != "" {
			row.OnlyBy = f.with("by", e.By)
		}
		if eventID.MatchString(e.Job) {
			row.Job, row.JobAddress = short(e.Job), jobsPath+"/"+e.Job
		}
		if row.Time.Day != day {
			row.Day, day = row.Time.Day, row.Time.Day
		}
		rows = append(rows, row)
	}
	return rows
}

// readable is a path and query as a person reads them.
func readable(target string) string {
	path, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil || query == "" {
		return visible(target)
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, name+": "+strings.Join(values[name], ", "))
	}
	return visible(path + " " + strings.Join(parts, " · "))
}

// markOfChange says what came of a change.
func markOfChange(e change) mark {
	status := strconv.Itoa(e.Status)
	switch {
	case e.Phase != "answered":
		return mark{"asked", "○", "calm"}
	case e.Status == 0:
		return mark{"broken off", "◌", "warn"}
	case e.Status >= 500:
		return mark{status, "✖", "bad"}
	case e.Status >= 400:
		return mark{status, "⊘", "warn"}
	}
	return mark{status, "●", "good"}
}
