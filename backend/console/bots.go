package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const botsPath = Path + "/bots"

// badShare is of how many attempts fewer than so many deliver where a bot does badly, and fewAttempts how many attempts
// say nothing yet.
const (
	badShare    = 0.9
	fewAttempts = 3
)

// botState is how a bot does, as the API says it.
type botState struct {
	Bot         string       `json:"bot"`
	Settings    *botSettings `json:"settings"`
	Pause       *pause       `json:"pause"`
	Pull        *pull        `json:"pull"`
	Last5m      activity     `json:"last_5m"`
	Last1h      activity     `json:"last_1h"`
	Waiting     *int64       `json:"waiting"`
	InFlight    *int64       `json:"in_flight"`
	OldestAt    time.Time    `json:"oldest_at"`
	LastSuccess *lastAttempt `json:"last_success"`
	LastFailure *lastAttempt `json:"last_failure"`
}

// pause is since when a bot is paused, and who asked for it.
type pause struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

// pull is for how long nobody has asked for a bot's events, at a bot that has to.
type pull struct {
	Absent float64 `json:"absent_seconds"`
}

// botSettings are some of the bots file.
type botSettings struct {
	Origin      string `json:"origin"`
	Pull        bool   `json:"pull"`
	Timeout     int64  `json:"timeout_ms"`
	GiveUpAfter int64  `json:"give_up_after_ms"`
	MaxAttempts int    `json:"max_attempts"`
	MinBackoff  int64  `json:"min_backoff_ms"`
	MaxBackoff  int64  `json:"max_backoff_ms"`
	ExpireAfter int64  `json:"expire_after_ms"`
	OnDead      string `json:"on_dead"`
	KeepAnswers string `json:"keep_answers"`
	Bulk        bool   `json:"bulk"`
	Answers     string `json:"answers"`
	Schedules   []struct {
		Name, Cron, TZ, Type string
	} `json:"schedules"`
}

type lastAttempt struct {
	Event      string    `json:"event"`
	At         time.Time `json:"at"`
	StatusCode int       `json:"status_code"`
	Error      string    `json:"error"`
}

// botRow is a bot in a list.
type botRow struct {
	Name, Address, Events         string
	Mark                          mark
	Success, P95, Waiting, Oldest string
	Failure                       string
	// Spark is nil where nothing is known; name is the bot's, for calls.
	Spark *spark
	name  string
}

// health says how a bot does by its attempts of five minutes.
func (b botState) health() mark {
	switch {
	case b.Pause != nil:
		return mark{"paused", "⏸", "warn"}
	case b.Pull != nil && b.Pull.Absent > 0:
		return mark{"absent", "◌", "warn"}
	case b.Last5m.Success == nil || b.Last5m.tried() < fewAttempts:
		return mark{"quiet", "○", "mute"}
	case *b.Last5m.Success == 0:
		return mark{"failing", "✖", "bad"}
	case *b.Last5m.Success < badShare:
		return mark{"flaky", "◐", "warn"}
	}
	return mark{"well", "●", "good"}
}

func (v *visit) botRow(b botState) botRow {
	row := botRow{
		Name: visible(b.Bot), Address: botsPath + "/" + url.PathEscape(b.Bot), Events: eventsPath + "?" + url.Values{"bot": {b.Bot}}.Encode(),
		name: b.Bot, Mark: b.health(), Success: percent(b.Last5m.Success), P95: milliseconds(b.Last5m.Attempts.P95), Waiting: "–", Oldest: "–",
	}
	if b.Waiting != nil {
		row.Waiting = number(*b.Waiting)
	}
	if !b.OldestAt.IsZero() {
		row.Oldest = about(max(v.now.Sub(b.OldestAt), 0))
	}
	if b.LastFailure != nil {
		row.Failure = visible(b.LastFailure.Error) + ", " + v.ago(b.LastFailure.At)
	}
	return row
}

// botList is a page of bots.
type botList struct {
	Bots       []botState `json:"bots"`
	NextCursor string     `json:"next_cursor"`
}

type botsPage struct {
	Rows         []botRow
	First, Older string
}

// listBots shows how the bots do, by name.
func (c *Console) listBots(v *visit) error {
	f, err := v.readFilter(botsPath, "cursor")
	if err != nil {
		return err
	}
	a := getShared("/v1/bots", f.query(allTime))
	var answer botList
	if err := v.ask(a, &answer); err != nil {
		return err
	}
	v.curl = v.asCurl(a)
	page := botsPage{}
	for _, b := range answer.Bots {
		page.Rows = append(page.Rows, v.botRow(b))
	}
	v.addSparks(page.Rows)
	if f.get("cursor") != "" {
		page.First = f.with()
	}
	if answer.NextCursor != "" {
		page.Older = f.with("cursor", answer.NextCursor)
	}
	return v.render("bots", "Bots", page)
}

type botPage struct {
	Bot             botRow
	Facts, Settings []fact
	Charts          []chart
	Trouble         *trouble
	Windows         []choice
	Events, Failed  string
	Dead, Live      string
	// Paused says since when and by whom; empty where it is not.
	Paused string
	// Pause pauses or resumes the bot, and Test sends it an event.
	Pause, Test action
}

// showBot shows how a bot did in a window, and what its settings are.
func (c *Console) showBot(v *visit) error {
	path := botsPath + "/" + url.PathEscape(v.r.PathValue("bot"))
	f, err := v.readFilter(path, "from")
	if err != nil {
		return err
	}
	var b botState
	if err := v.ask(get("/v1/bots/"+url.PathEscape(v.r.PathValue("bot")), nil), &b); err != nil {
		return err
	}
	from := f.get("from")
	if from == "" {
		from = "1h"
	}
	s, a, err := v.askStats(b.Bot, from)
	v.curl = v.asCurl(a)
	only := url.Values{"bot": {b.Bot}}
	page := botPage{
		Bot: v.botRow(b), Facts: v.botFacts(b), Settings: botSettingsFacts(b.Settings), Events: eventsPath + "?" + only.Encode(), Dead: deadPath + "?" + only.Encode(),
		Live: livePath + "?" + only.Encode(), Failed: eventsPath + "?" + only.Encode() + "&status=failed%2Cdead",
	}
	page.addActs(v, b)
	for _, w := range []string{"1h", "6h", "24h", "3d"} {
		page.Windows = append(page.Windows, choice{strings.NewReplacer("h", " h", "d", " d").Replace(w), f.with("from", w), w == from})
	}
	if err != nil {
		page.Trouble = v.explain(v.r.Context(), err)
		if page.Trouble.Status == http.StatusBadRequest {
			return err
		}
	} else {
		page.Charts = v.charts(s)
	}
	return v.render("bot", "Bot "+visible(b.Bot), page)
}

// addActs adds what can be done with the bot.
func (p *botPage) addActs(v *visit, b botState) {
	p.Pause, p.Test = action{p.Bot.Address + "/" + actPause, v.why(scopeAct)}, action{p.Bot.Address + "/" + actTest, v.why(scopeAct)}
	if b.Pause == nil {
		return
	}
	p.Pause.Address = p.Bot.Address + "/" + actResume
	p.Paused = "Paused since " + v.stamp(b.Pause.Since).Full
	if b.Pause.By != "" {
		p.Paused += " by " + visible(b.Pause.By)
	}
}

func (v *visit) botFacts(b botState) []fact {
	facts := []fact{{"Of 5 min", percent(b.Last5m.Success) + " of " + count(int(b.Last5m.tried()), "attempt", "attempts") + " delivered", ""}}
	for _, last := range []struct {
		name string
		at   *lastAttempt
	}{{"Last delivered", b.LastSuccess}, {"Last failed", b.LastFailure}} {
		if last.at != nil {
			facts = append(facts, fact{last.name, v.ago(last.at.At) + " " + visible(last.at.Error), eventsPath + "/" + last.at.Event})
		}
	}
	switch {
	case b.Waiting == nil:
	case *b.Waiting == 0:
		facts = append(facts, fact{"Waiting", "nothing", ""})
	default:
		facts = append(facts, fact{"Waiting", v.botRow(b).Waiting + ", the oldest for " + v.botRow(b).Oldest, ""})
	}
	return facts
}

// botSettingsFacts are its settings, where this process knows them.
func botSettingsFacts(s *botSettings) []fact {
	if s == nil {
		return nil
	}
	ms := func(n int64) string { return span(time.Duration(n) * time.Millisecond) }
	attempts := "as many as it takes"
	if s.MaxAttempts > 0 {
		attempts = "at most " + strconv.Itoa(s.MaxAttempts)
	}
	address := visible(s.Origin)
	if s.Pull {
		address = "none: it asks for its events"
	}
	facts := []fact{
		{"Address", address, ""},
		{"Timeout", ms(s.Timeout), ""},
		{"Given up", "after " + ms(s.GiveUpAfter), ""},
		{"Attempts", attempts + ", with pauses of " + ms(s.MinBackoff) + " to " + ms(s.MaxBackoff), ""},
		{"When dead", map[string]string{"skip": "go on with the next event", "hold": "hold the order key"}[s.OnDead], ""},
		{"Keep answers", s.KeepAnswers, ""},
		{"Answers", map[string]string{"off": "not in the platform's response", "platform": "in the platform's response"}[s.Answers], ""},
		{"Bulk", map[bool]string{true: "waits for the others", false: "is as the others"}[s.Bulk], ""},
	}
	for _, one := range s.Schedules {
		facts = append(facts, fact{"Schedule " + one.Name, one.Cron + " " + one.TZ + ", " + visible(one.Type), ""})
	}
	return facts
}
