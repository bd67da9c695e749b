package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// sparkWidth and sparkHeight are the size of a sparkline, in its own units: one for each minute of an hour.
	sparkWidth, sparkHeight = 60, 16
	// mostSparks is how many rows of a page have one.
	mostSparks = 50
)

// spark is the last hour of a bot as a line in its row; its text says the same.
type spark struct{ Line, Bars, Text string }

// addSparks adds them to the rows of a page. A row whose numbers can't be had stands without.
func (v *visit) addSparks(rows []botRow) {
	for i := range rows[:min(len(rows), mostSparks)] {
		if s, _, err := v.askStats(rows[i].name, "1h"); err == nil {
			rows[i].Spark = sparkOf(s)
		}
	}
}

// sparkOf draws what was accepted as a line, and what failed as bars.
func sparkOf(s stats) *spark {
	points := s.whole()
	most := int64(1)
	for _, p := range points {
		most = max(most, p.Accepted, p.Failed+p.Dead)
	}
	var line, bars strings.Builder
	for i, p := range points {
		x := float64(i) * sparkWidth / float64(max(len(points)-1, 1))
		fmt.Fprintf(&line, "%.3g,%.3g ", x, height(p.Accepted, most))
		if bad := p.Failed + p.Dead; bad > 0 {
			fmt.Fprintf(&bars, "M%.3g,%dV%.3g", x, sparkHeight, height(bad, most))
		}
	}
	return &spark{strings.TrimSpace(line.String()), bars.String(), fmt.Sprintf("last hour: %s accepted, %s failed", number(s.Total.Accepted), number(s.Total.Failed+s.Total.Dead))}
}

// queueSample is the most that waited within a step.
type queueSample struct {
	At      time.Time `json:"at"`
	Waiting int64     `json:"waiting"`
}

// sparkOfQueue draws what waited as a line, each sample at its minute: a process that started lately knows the end only.
func (v *visit) sparkOfQueue(samples []queueSample) *spark {
	if len(samples) == 0 {
		return nil
	}
	most := slices.MaxFunc(samples, func(a, b queueSample) int { return cmp.Compare(a.Waiting, b.Waiting) }).Waiting
	var line strings.Builder
	for _, s := range samples {
		x := min(max(sparkWidth-v.now.Sub(s.At).Minutes(), 0), sparkWidth)
		fmt.Fprintf(&line, "%.3g,%.3g ", x, height(s.Waiting, max(most, 1)))
	}
	return &spark{Line: strings.TrimSpace(line.String()), Text: "last hour: at most " + number(most) + " waited"}
}

// height is where a number is drawn; the top is 1, so that lines are not cut.
func height(n, most int64) float64 {
	return sparkHeight - 1 - float64(n)/float64(most)*(sparkHeight-2)
}
