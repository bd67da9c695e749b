package console

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

const systemPath = Path + "/system"

// systemOfAPI is the process that answers.
type systemOfAPI struct {
	Version   string            `json:"version"`
	Instance  string            `json:"instance"`
	Roles     []string          `json:"roles"`
	Shards    []string          `json:"shards"`
	StartedAt time.Time         `json:"started_at"`
	Retention int64             `json:"retention_seconds"`
	Status    string            `json:"status"`
	Checks    map[string]string `json:"checks"`
	Details   map[string]string `json:"details"`
	Processes []processOfAPI    `json:"processes"`
}

// queueOfAPI is what waits in a part of the queue.
type queueOfAPI struct {
	Group    string    `json:"group"`
	Bot      string    `json:"bot"`
	Waiting  *int64    `json:"waiting"`
	InFlight *int64    `json:"in_flight"`
	OldestAt time.Time `json:"oldest_at"`
	// Samples are what waited in each minute of the last hour, where that is known.
	Samples []queueSample `json:"samples"`
}

// checkRow is how a part of the process does.
type checkRow struct {
	Name   string
	Mark   mark
	Detail string
}

type queueRow struct {
	Group, Bot, Address       string
	Waiting, InFlight, Oldest string
	// Spark is nil where nothing is known.
	Spark *spark
}

type systemPage struct {
	Mark   mark
	Facts  []fact
	Checks []checkRow
	// Processes are all that reported lately, this one too.
	Processes []processRow
	Queues    []queueRow
	// NoQueues is why what waits is not known.
	NoQueues *trouble
}

// showSystem shows how the process that answers does, and what waits in the queue.
func (c *Console) showSystem(v *visit) error {
	if _, err := v.readFilter(systemPath); err != nil {
		return err
	}
	var s systemOfAPI
	a := get("/v1/system", nil)
	if err := v.ask(a, &s); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	kept := "for ever"
	if s.Retention > 0 {
		kept = "for " + span(time.Duration(s.Retention)*time.Second)
	}
	page := systemPage{Mark: markOfPart(s.Status), Facts: []fact{
		{"Version", visible(s.Version), ""},
		{"Instance", visible(s.Instance), ""},
		{"Roles", visible(strings.Join(s.Roles, ", ")), ""},
		{"Database", visible(strings.Join(s.Shards, ", ")), ""},
		{"Running for", span(v.now.Sub(s.StartedAt)), ""},
		{"Events are kept", kept, ""},
	}}
	for _, name := range slices.Sorted(maps.Keys(s.Checks)) {
		page.Checks = append(page.Checks, checkRow{visible(name), markOfPart(s.Checks[name]), visible(s.Details[name])})
	}
	for _, p := range s.Processes {
		page.Processes = append(page.Processes, v.processRow(p))
	}
	v.addQueues(&page)
	return v.render("system", "System", page)
}

func (v *visit) addQueues(page *systemPage) {
	var answer struct {
		Queues      []queueOfAPI `json:"queues"`
		DeadLetters *int64       `json:"dead_letters"`
	}
	if err := v.ask(getShared("/v1/queues", url.Values{"from": {"1h"}, "step": {"1m"}}), &answer); err != nil {
		page.NoQueues = v.explain(v.r.Context(), err)
		return
	}
	for _, q := range answer.Queues {
		row := queueRow{Group: visible(q.Group), Bot: visible(q.Bot), Waiting: orNone(q.Waiting), InFlight: orNone(q.InFlight), Oldest: "–", Spark: v.sparkOfQueue(q.Samples)}
		if q.Bot != "" {
			row.Address = botsPath + "/" + url.PathEscape(q.Bot)
		}
		if !q.OldestAt.IsZero() {
			row.Oldest = about(max(v.now.Sub(q.OldestAt), 0))
		}
		page.Queues = append(page.Queues, row)
	}
	if answer.DeadLetters != nil {
		page.Facts = append(page.Facts, fact{"Dead letters", number(*answer.DeadLetters), deadPath + "?since=all"})
	}
}

// orNone is a number, or a dash where nobody knows.
func orNone(n *int64) string {
	if n == nil {
		return "–"
	}
	return number(*n)
}

// markOfPart says how a part of the process does.
func markOfPart(status string) mark {
	switch status {
	case "ready", "ok":
		return mark{status, "●", "good"}
	case "degraded", "stopping", "spooling":
		return mark{status, "◐", "warn"}
	}
	return mark{visible(status), "✖", "bad"}
}
