package console

import (
	"strings"
	"time"
)

const (
	eventsPath = Path + "/events"
	// standardWindow is how far back a list goes that does not say.
	standardWindow = "24h"
)

// listed is an event in a list of the API.
type listed struct {
	ID           string    `json:"id"`
	Bot          string    `json:"bot"`
	Type         string    `json:"type"`
	User         string    `json:"subject"`
	Time         time.Time `json:"time"`
	DeliverAt    time.Time `json:"deliver_at"`
	NotBefore    time.Time `json:"not_before"`
	OrderKey     string    `json:"order_key"`
	VerifiedBy   string    `json:"verified_by"`
	RequestID    string    `json:"requestid"`
	ContentType  string    `json:"content_type"`
	Status       string    `json:"status"`
	RecordedAt   time.Time `json:"recorded_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	AttemptCount int       `json:"attempt_count"`
	Replays      int       `json:"replays"`
	DeliveryMS   int64     `json:"delivery_ms"`
	// Last is the attempt by which the event got its status; nil before the first one.
	Last *attempt `json:"last"`
}

// eventRow is an event as a row of a list.
type eventRow struct {
	ID, Short, Address string
	// Day is set where the day is another than in the row above.
	Day             string
	Time            stamp
	Mark            mark
	Bot, Type, User string
	// OnlyBot and the others are empty where nothing is to be narrowed down.
	OnlyBot, OnlyType, OnlyUser string
	Attempts                    string
	Delivery                    string
}

// eventsPage is the list.
type eventsPage struct {
	Filter       map[string]string
	Chips        []chip
	States       []choice
	Statuses     []statusBox
	Windows      []choice
	Window       string
	Rows         []eventRow
	First, Older string
	// Newer is the page before; SearchedTo is how far a page looked that may be short.
	Newer, SearchedTo string
	Incomplete        bool
	// Stream is where scripts count what is new, of these statuses; empty on pages that are not the newest.
	Stream, Status, Newest string
	// Export writes what is shown, and what follows, into a file.
	Export action
	// Plain is the address without filters; AllTime the one with all of the time.
	Plain, AllTime string
	// Bars are what happened in the window; nil where nothing is known of it.
	Bars *bars
	// Last says when the last event was where the window has none, and ToLast is where to see it.
	Last, ToLast string
}

// statusBox is a status to choose in the form.
type statusBox struct {
	Mark mark
	On   bool
}

// states are the usual choices of statuses.
var states = []struct{ name, statuses string }{
	{"All", ""},
	{"Waiting", "accepted,deferred,released,replayed"},
	{"Failed", "failed"},
	{"Dead", "dead"},
	{"Delivered", "delivered"},
	{"Scheduled", "scheduled,due"},
}

// allStatuses are in the order of an event's way.
var allStatuses = []string{
	"scheduled", "due", "accepted", "deferred", "released", "replayed", "failed", "expired", "dead", "dropped", "cancelled", "delivered",
}

// asides are those of changes only: the event stands where it stood.
var asides = []string{"repeated", "progress", "answered"}

// listEvents shows the events that the address asks for, newest first.
func (c *Console) listEvents(v *visit) error {
	f, err := v.readFilter(eventsPath, "bot", "user", "type", "status", "verified_by", "order_key", "q", "from", "to", "cursor", "newer")
	if err != nil {
		return err
	}
	var answer struct {
		Events     []listed `json:"events"`
		NextCursor string   `json:"next_cursor"`
		// NewerCursor begins the page before, and SearchedTo is how far the page looked where others may follow.
		NewerCursor string    `json:"newer_cursor"`
		SearchedTo  time.Time `json:"searched_to"`
		Incomplete  bool      `json:"incomplete"`
	}
	a := get("/v1/events", f.query(standardWindow))
	if err := v.ask(a, &answer); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := eventsPage{
		Filter: map[string]string{}, Chips: f.chips(), Rows: withLinks(v.eventRows(answer.Events), answer.Events, f), Incomplete: answer.Incomplete,
		Plain: eventsPath, AllTime: f.with("from", allTime, "to", ""), Export: v.exportOf(f),
	}
	for _, name := range []string{"bot", "user", "type", "q", "verified_by", "from", "to"} {
		page.Filter[name] = f.get(name)
	}
	page.Windows, page.Window = f.windowChoices(standardWindow, v.now)
	page.addStatuses(f)
	page.Bars = v.barsOf(f)
	if len(answer.Events) == 0 {
		v.addLast(&page, f)
	}
	if !answer.SearchedTo.IsZero() {
		page.SearchedTo = v.stamp(answer.SearchedTo).Full
	}
	if paged := f.get("cursor") + f.get("newer"); paged != "" {
		page.First = f.with()
		if answer.NewerCursor != "" && len(answer.Events) > 0 {
			page.Newer = f.with("newer", answer.NewerCursor)
		}
	} else if f.get("to") == "" {
		page.Stream, page.Status, page.Newest = streamOf(ofEvents, f), f.get("status"), f.with()
	}
	if answer.NextCursor != "" {
		page.Older = f.with("cursor", answer.NextCursor)
	}
	return v.render("events", "Events", page)
}

// addLast looks for the last event of all the time where a window has none. Where it can't be had the page stands without.
func (v *visit) addLast(p *eventsPage, f filter) {
	q := f.query(allTime)
	for _, name := range []string{"cursor", "newer", "from", "to"} {
		q.Del(name)
	}
	q.Set("limit", "1")
	var found struct {
		Events []listed `json:"events"`
	}
	if err := v.ask(get("/v1/events", q), &found); err != nil || len(found.Events) == 0 {
		return
	}
	at := found.Events[0].Time
	p.Last, p.ToLast = v.stamp(at).Full, f.with("from", at.UTC().Truncate(time.Second).Format(time.RFC3339), "to", "")
}

func (p *eventsPage) addStatuses(f filter) {
	on := strings.Split(f.get("status"), ",")
	for _, s := range states {
		p.States = append(p.States, choice{s.name, f.with("status", s.statuses), f.get("status") == s.statuses})
	}
	for _, status := range allStatuses {
		box := statusBox{Mark: markOf(status)}
		for _, one := range on {
			box.On = box.On || one == status
		}
		p.Statuses = append(p.Statuses, box)
	}
}

func (v *visit) eventRows(events []listed) []eventRow {
	rows := make([]eventRow, len(events))
	day := ""
	for i, e := range events {
		rows[i] = eventRow{
			ID: e.ID, Short: short(e.ID), Address: eventsPath + "/" + e.ID, Time: v.stamp(e.Time), Mark: markOf(e.Status),
			Bot: visible(e.Bot), Type: visible(e.Type), User: visible(e.User),
			Attempts: attemptsOf(e), Delivery: v.delivery(e),
		}
		if d := rows[i].Time.Day; d != day {
			rows[i].Day, day = d, d
		}
	}
	return rows
}

// withLinks adds addresses with a filter for what a row has.
func withLinks(rows []eventRow, events []listed, f filter) []eventRow {
	for i, e := range events {
		rows[i].OnlyBot, rows[i].OnlyType, rows[i].OnlyUser = f.with("bot", e.Bot), f.with("type", e.Type), f.with("user", e.User)
	}
	return rows
}

// attemptsOf says how many attempts there were, and what came of the last one that failed.
func attemptsOf(e listed) string {
	if e.AttemptCount == 0 {
		return ""
	}
	text := number(int64(e.AttemptCount))
	if e.Last == nil || e.Status == "delivered" {
		return text
	}
	if e.Last.Error != "" {
		return text + " · " + visible(e.Last.Error)
	}
	return text
}

// delivery says how long it took, or what is awaited.
func (v *visit) delivery(e listed) string {
	switch e.Status {
	case "delivered":
		return "after " + span(time.Duration(e.DeliveryMS)*time.Millisecond)
	case "deferred":
		return v.ago(e.NotBefore)
	case "failed":
		if e.Last != nil && e.Last.NextAttempt.After(v.now) {
			return "next " + v.ago(e.Last.NextAttempt)
		}
		return "waiting " + span(v.now.Sub(e.Time))
	case "scheduled":
		return v.ago(e.DeliverAt)
	case "accepted", "released", "replayed":
		return "waiting " + span(v.now.Sub(e.Time))
	}
	return "–"
}
