package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// detailed is an event as the API shows one.
type detailed struct {
	listed

	Attempts   []attempt       `json:"attempts"`
	Repeats    []time.Time     `json:"repeats"`
	Data       json.RawMessage `json:"data"`
	DataBase64 []byte          `json:"data_base64"`
}

func (e *detailed) body() []byte {
	if e.Data != nil {
		return e.Data
	}
	return e.DataBase64
}

// final reports whether nothing happens to the event by itself any more.
func (e *detailed) final() bool {
	return e.Status == "delivered" || e.Status == "dead" || e.Status == "dropped" || e.Status == "expired" || e.Status == "cancelled"
}

// accepted is when the event was; of one that was scheduled that is when it was recorded.
func (e *detailed) accepted() time.Time {
	if !e.DeliverAt.IsZero() {
		return e.RecordedAt
	}
	return e.Time
}

// attempt is one at the bot, or what else happened to the event.
type attempt struct {
	Attempt     int       `json:"attempt"`
	Status      string    `json:"status"`
	At          time.Time `json:"at"`
	DurationMS  int64     `json:"duration_ms"`
	StatusCode  int       `json:"status_code"`
	Percent     int       `json:"percent"`
	Error       string    `json:"error"`
	Answered    string    `json:"answered"`
	Answer      *answer   `json:"answer"`
	NextAttempt time.Time `json:"next_attempt"`
}

// answer is what the bot said.
type answer struct {
	ContentType string `json:"content_type"`
	Encoding    string `json:"content_encoding"`
	Truncated   bool   `json:"truncated"`
	Body        string `json:"body"`
	Binary      []byte `json:"body_base64"`
}

// step is a line of the timeline.
type step struct {
	Time   stamp
	Mark   mark
	What   string
	Detail string
	// Answer is what the bot said, where it was kept.
	Answer *shown
	About  string
}

// eventPage is an event with its timeline.
type eventPage struct {
	ID      string
	Mark    mark
	Facts   []fact
	Steps   []step
	Body    shown
	Forms   []choice
	BodyNow bool
	Empty   bool
	// Download is where the body's bytes are.
	Download string
	Replay   action
	Drop     action
	IsDead   bool
	// Cancel takes back what is scheduled; nil for anything else.
	Cancel *action
	// Newer and Older are the events of the same bot beside it; Behind says how many wait for it, which Waiting shows.
	Newer, Older    string
	Behind, Waiting string
	// Final says that nothing happens to it by itself any more.
	Final bool
}

// fact is a line of what is known of an event; Address may be empty.
type fact struct{ Name, Value, Address string }

// action is a button that leads to a confirmation; Why says what keeps the visitor from it.
type action struct{ Address, Why string }

// readEvent reads the event of the path.
func (v *visit) readEvent() (e detailed, a call, err error) {
	id := v.r.PathValue("id")
	if !eventID.MatchString(id) {
		return e, a, &trouble{
			Status: http.StatusNotFound, Title: "There is no such event", Detail: visible(id) + " is no id of an event.", Again: eventsPath,
		}
	}
	a = get("/v1/events/"+strings.ToLower(id), nil)
	return e, a, v.ask(a, &e)
}

// showEvent shows what happened to an event, and what is in it.
func (c *Console) showEvent(v *visit) error {
	f, err := v.readFilter(v.r.URL.Path, "body")
	if err != nil {
		return err
	}
	e, a, err := v.readEvent()
	if err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := eventPage{
		ID: e.ID, Mark: markOf(e.Status), Facts: v.facts(e), Steps: v.steps(e), Empty: len(e.body()) == 0,
		BodyNow: f.get("body") != "", Download: eventsPath + "/" + e.ID + "/body", IsDead: e.Status == "dead",
		Final:  e.final(),
		Replay: action{movePath(verbReplay, url.Values{"id": {e.ID}}), v.why(scopeAct)},
		Drop:   action{movePath(verbDrop, url.Values{"id": {e.ID}}), v.why(scopeAdmin)},
	}
	if e.Status == "scheduled" {
		page.Cancel = &action{eventsPath + "/" + e.ID + "/cancel", v.why(scopeAct)}
	}
	page.Body, page.Forms = showBody(e.body(), f)
	page.Newer, page.Older = v.neighbour(e, false), v.neighbour(e, true)
	page.Behind, page.Waiting = v.behind(e)
	return v.render("event", "Event "+short(e.ID), page)
}

// cancelEvent takes back an event that is scheduled, and shows it.
func (*Console) cancelEvent(v *visit) error {
	if err := v.refuse(scopeAct); err != nil {
		return err
	}
	e, a, err := v.readEvent()
	if err == nil {
		err = v.ask(call{method: http.MethodDelete, path: a.path}, nil)
	}
	if err != nil {
		return err
	}
	v.redirect(eventsPath + "/" + e.ID)
	return nil
}

func (v *visit) facts(e detailed) []fact {
	list := func(name, value string) string { return eventsPath + "?" + url.Values{name: {value}}.Encode() }
	facts := []fact{
		{"Bot", visible(e.Bot), list("bot", e.Bot)},
		{"Type", visible(e.Type), list("type", e.Type)},
		{"User", visible(e.User), userAddress(e.User)},
		{"Order key", visible(e.OrderKey), list("order_key", e.OrderKey)},
		{"Verified by", visible(e.VerifiedBy), ""},
		{"Request id", visible(e.RequestID), ""},
		{"Body", bytesOf(len(e.body())) + " " + visible(e.ContentType), ""},
		{"Accepted", v.stamp(e.accepted()).Full, ""},
	}
	if !e.DeliverAt.IsZero() {
		facts = append(facts, fact{"Scheduled for", v.stamp(e.DeliverAt).Full, ""})
	}
	if !e.NotBefore.IsZero() {
		facts = append(facts, fact{"Not before", v.stamp(e.NotBefore).Full, ""})
	}
	if n := len(e.Repeats); n > 0 {
		facts = append(facts, fact{"Repeats", count(n, "time", "times") + ", last " + v.ago(e.Repeats[n-1]), ""})
	}
	kept := facts[:0]
	for _, one := range facts {
		if one.Value != "" {
			kept = append(kept, one)
		}
	}
	return kept
}

// steps are the timeline: the event's acceptance, and what happened since.
func (v *visit) steps(e detailed) []step {
	steps := []step{{Time: v.stamp(e.accepted()), Mark: markOf("accepted"), What: "accepted", Detail: "recorded " + span(e.RecordedAt.Sub(e.accepted())) + " later"}}
	for _, a := range e.Attempts {
		steps = append(steps, v.step(a))
	}
	switch e.Status {
	case "scheduled":
		steps[0].Detail += ", is to be delivered " + v.ago(e.DeliverAt)
	case "accepted":
		steps[0].Detail += ", waits for its first attempt since " + span(v.now.Sub(e.Time))
	case "deferred":
		steps[0].Detail += ", is to be delivered " + v.ago(e.NotBefore)
	}
	return steps
}

// answeredWords say what became of an answer that a platform waited for.
var answeredWords = map[string]string{
	"in_time": "the platform got the answer",
	"late":    "its answer came too late for the platform's response and is sent on",
	"missed":  "its answer came too late, and the platform takes it no more",
	"unfit":   "its answer does not fit the platform",
	"sent":    "the platform took the late answer",
	"unsent":  "the late answer was not sent to the platform",
}

func (v *visit) step(a attempt) step {
	s := step{Time: v.stamp(a.At), Mark: markOf(a.Status), What: visible(a.Status)}
	var details []string
	switch {
	case a.Status == "answered": // Its status code is the platform's.
	case a.Status == "progress":
		s.What = fmt.Sprintf("attempt %d", a.Attempt)
		details = append(details, fmt.Sprintf("is at %d %%", a.Percent))
	case a.Attempt > 0:
		s.What = fmt.Sprintf("attempt %d", a.Attempt)
		details = append(details, "took "+span(time.Duration(a.DurationMS)*time.Millisecond))
	}
	switch code := strconv.Itoa(a.StatusCode); {
	case a.Error != "":
		details = append([]string{visible(a.Error)}, details...)
	case a.StatusCode > 0:
		details = append([]string{"answered " + code}, details...)
	}
	if said := answeredWords[a.Answered]; said != "" {
		details = append(details, said)
	}
	switch {
	case a.NextAttempt.After(v.now):
		details = append(details, "next attempt "+v.ago(a.NextAttempt))
	case !a.NextAttempt.IsZero():
		details = append(details, "next attempt "+span(a.NextAttempt.Sub(a.At))+" later")
	}
	s.Detail = strings.Join(details, " · ")
	if a.Answer != nil {
		s.Answer, s.About = showAnswer(a.Answer)
	}
	return s
}

// downloadBody sends the body as the sender sent it, and never as a page.
func (c *Console) downloadBody(v *visit) error {
	e, _, err := v.readEvent()
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", `attachment; filename="`+e.ID+`.bin"`)
	h.Set("Cache-Control", "no-store")
	_, _ = v.w.Write(e.body()) //nolint:gosec // As a file with another type than that of a page.
	return nil
}
