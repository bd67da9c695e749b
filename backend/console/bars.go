package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/duration"
)

// mostBars is how many bars a list has at most.
const mostBars = 60

// barSteps are the lengths of time that a bar may stand for.
var barSteps = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// bars are what happened in the window of a list, a bar for each step; scripts draw them.
type bars struct {
	// Numbers are what was accepted, what failed and what died in each step: "5 1 0,3 0 0".
	Numbers string
	// About says what all of them stand for, and Each what one of them does.
	About, Each string
	// From and Step are seconds, and Page is the list without a window: what an address of a step is made of.
	From, Step int64
	Page       string
	// Trouble is why there are none.
	Trouble *trouble
}

// barsOf has what the statistics know of a list's window. They know bots, but not users or types: nil for a list that
// asks for these, and for a window that they do not reach back to.
func (v *visit) barsOf(f filter) *bars {
	for name := range f.values {
		switch name {
		case "bot", "status", "from", "to", "tz", "cursor", "newer":
		default:
			return nil
		}
	}
	q := f.query(standardWindow)
	step := v.barStep(q)
	if step == 0 {
		return nil
	}
	var s stats
	err := v.ask(getShared("/v1/stats", url.Values{"bot": q["bot"], "from": q["from"], "to": q["to"], "step": {step.String()}}), &s)
	if t := (*trouble)(nil); errors.As(err, &t) && t.Status == http.StatusBadRequest {
		return nil
	}
	if err != nil {
		return &bars{Trouble: v.explain(v.r.Context(), err)}
	}
	if total := s.Total; total.Accepted+total.Failed+total.Dead == 0 {
		return nil
	}
	return barsFrom(s, f)
}

// barStep is how long a bar stands for; 0 where the window can't be read, or has no beginning.
func (v *visit) barStep(q url.Values) time.Duration {
	from, err := duration.ParseTime(q.Get("from"), v.now)
	if err != nil {
		return 0
	}
	to := v.now
	if text := q.Get("to"); text != "" {
		if to, err = duration.ParseTime(text, v.now); err != nil {
			return 0
		}
	}
	for _, step := range barSteps {
		if to.Sub(from) <= mostBars*step {
			return step
		}
	}
	return 0
}

// barsFrom are those of statistics.
func barsFrom(s stats, f filter) *bars {
	points := s.whole()
	numbers := make([]string, len(points))
	for i, p := range points {
		numbers[i] = fmt.Sprintf("%d %d %d", p.Accepted, p.Failed, p.Dead)
	}
	b := &bars{
		Numbers: strings.Join(numbers, ","), Step: s.Step, Each: span(time.Duration(s.Step) * time.Second), Page: f.with(f.begin(), "", f.end(), ""),
		About: number(s.Total.Accepted) + " accepted, " + number(s.Total.Failed) + " failed, " + number(s.Total.Dead) + " dead",
	}
	if len(points) > 0 {
		b.From = points[0].At.Unix()
	}
	return b
}
