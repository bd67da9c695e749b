package capacity

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Print writes a plan for people: three lines for each part.
func (p Plan) Print(out io.Writer) error {
	l := p.Load
	var text strings.Builder
	where := "RabbitMQ, PostgreSQL and Redis"
	if l.Embedded {
		where = "one process with the embedded engines"
	}
	if l.OneMachine {
		where += ", on one machine"
	}
	fmt.Fprintf(&text, "%.6g events/s of %s, %.4g attempts of %s each, %d bots; %s\n\n",
		l.Rate, bytesText(float64(l.Body)), l.Attempts, l.AnswerTime, l.Bots, where)
	for _, line := range p.Lines {
		if line.Limit > 0 {
			fmt.Fprintf(&text, "%4.0f %%  %-18s up to %s\n", line.Use*100, line.Part, line.limit())
		} else {
			fmt.Fprintf(&text, "        %s\n", line.Part)
		}
		fmt.Fprintf(&text, "        needs: %s\n        limit: %s\n        change: %s\n", line.Need, line.Formula, line.Change)
	}
	fmt.Fprintf(&text, "\nPlanned are %.0f %% of what each takes at most. ", Target*100)
	if p.Estimated {
		text.WriteString("The costs of this engine are estimates; make bench measures them.\n")
	} else {
		fmt.Fprintf(&text, "Measured on %s, at %s, with %d cores of %s.\n",
			p.Measured.Date, p.Measured.Commit, p.Measured.Cores, p.Measured.Machine)
	}
	if over := p.over(); len(over) > 0 {
		fmt.Fprintf(&text, "Too much for: %s.\n", strings.Join(over, ", "))
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// over are the parts that the load is too much for.
func (p Plan) over() (parts []string) {
	for _, l := range p.Lines {
		if l.Use > 1 {
			parts = append(parts, l.Part)
		}
	}
	return parts
}

func (l Line) limit() string {
	if l.Unit == size {
		return bytesText(l.Limit)
	}
	return fmt.Sprintf("%.0f %s", l.Limit, l.Unit)
}

// some is so many processes with the cores of one.
func (m *model) some(processes int) string {
	if processes == 1 {
		return "1 process of " + cores(m.Cores)
	}
	return fmt.Sprintf("%d processes of %s", processes, cores(m.Cores))
}

func cores(n float64) string {
	if n == 1 {
		return "1 core"
	}
	return fmt.Sprintf("%.4g cores", n)
}

func microseconds(seconds float64) string { return fmt.Sprintf("%.0f µs", seconds*1e6) }

func bytesText(n float64) string { return humanize.Bytes(uint64(max(0, n))) }

// durationText leaves out what is nought: 1h, 90d.
func durationText(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%.4gd", d.Hours()/24)
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
