package console

import (
	"net/url"
	"strconv"
	"time"
)

// durations are how long something took, in milliseconds; nil where nothing did.
type durations struct {
	P50 *float64 `json:"p50_ms"`
	P95 *float64 `json:"p95_ms"`
}

// activity is what happened in a span of time.
type activity struct {
	At         time.Time `json:"at"`
	Accepted   int64     `json:"accepted"`
	Delivered  int64     `json:"delivered"`
	Failed     int64     `json:"failed"`
	Dead       int64     `json:"dead"`
	Attempts   durations `json:"attempts"`
	Deliveries durations `json:"deliveries"`
	// Success is the share of attempts that delivered; nil where there were none.
	Success *float64 `json:"success_rate"`
}

// tried is how many attempts there were.
func (a activity) tried() int64 { return a.Delivered + a.Failed + a.Dead }

// stats are steps of a window, without those in which nothing happened.
type stats struct {
	From   time.Time  `json:"from"`
	To     time.Time  `json:"to"`
	Step   int64      `json:"step_seconds"`
	Points []activity `json:"points"`
	Total  activity   `json:"total"`
}

// askStats asks for those of a bot, or of all.
func (v *visit) askStats(bot, from string) (s stats, a call, err error) {
	a = getShared("/v1/stats", url.Values{"bot": {bot}, "from": {from}})
	if err = v.ask(a, &s); err != nil {
		return s, a, err
	}
	return s, a, nil
}

// whole has a point for each step, with nothing in those that the API leaves out.
func (s stats) whole() []activity {
	step := time.Duration(s.Step) * time.Second
	if step <= 0 {
		return nil
	}
	known := map[int64]activity{}
	for _, p := range s.Points {
		known[p.At.Unix()] = p
	}
	var all []activity
	for at := s.From.Truncate(step); at.Before(s.To) && len(all) < 400; at = at.Add(step) {
		p := known[at.Unix()]
		p.At = at
		all = append(all, p)
	}
	return all
}

// chart is numbers over time: a table, which scripts draw.
type chart struct {
	Name string
	// Now is what a glance is for, About says what it is, and Unit what the numbers of the table are.
	Now, About, Unit string
	Series           []string
	Rows             []chartRow
}

type chartRow struct {
	Unix int64
	At   stamp
	// Values are empty where there is none.
	Values []string
}

// chartOf makes a chart of what pick takes from each step.
func (v *visit) chartOf(s stats, c chart, pick func(activity) []string) chart {
	for _, p := range s.whole() {
		c.Rows = append(c.Rows, chartRow{Unix: p.At.Unix(), At: v.stamp(p.At), Values: pick(p)})
	}
	return c
}

// charts are those of a bot, or of all.
func (v *visit) charts(s stats) []chart {
	whole := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []chart{
		v.chartOf(s, chart{Name: "Events", Now: number(s.Total.Accepted), About: "accepted", Unit: "events", Series: []string{"accepted", "delivered"}},
			func(a activity) []string { return []string{whole(a.Accepted), whole(a.Delivered)} }),
		v.chartOf(s, took("Accepted until delivered", s.Total.Deliveries),
			func(a activity) []string { return []string{plain(a.Deliveries.P50), plain(a.Deliveries.P95)} }),
		v.chartOf(s, took("Attempts take", s.Total.Attempts),
			func(a activity) []string { return []string{plain(a.Attempts.P50), plain(a.Attempts.P95)} }),
		v.chartOf(s, chart{Name: "Failed and dead", Now: number(s.Total.Failed + s.Total.Dead), About: "attempts", Unit: "attempts", Series: []string{"failed", "dead"}},
			func(a activity) []string { return []string{whole(a.Failed), whole(a.Dead)} }),
	}
}

// took is a chart of how long something took.
func took(name string, d durations) chart {
	c := chart{Name: name, Now: milliseconds(d.P50), About: "nothing in this window", Unit: "ms", Series: []string{"median", "95 %"}}
	if d.P95 != nil {
		c.About = "median, 95 % within " + milliseconds(d.P95)
	}
	return c
}

// plain is a number for a table that scripts read.
func plain(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}

// milliseconds is a duration of the API for people.
func milliseconds(n *float64) string {
	if n == nil {
		return "–"
	}
	return span(time.Duration(*n * float64(time.Millisecond)))
}

// percent is a share for people.
func percent(share *float64) string {
	if share == nil {
		return "–"
	}
	return strconv.FormatFloat(*share*100, 'f', 0, 64) + " %"
}
