package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Table is a table in Markdown; labels say what the peers are called.
func Table(rows []Row, labels map[string]string) string {
	var out strings.Builder
	out.WriteString("| | CPU | ratio | RabbitMQ | ratio | Redis | requests | p50 | p99 | memory |\n" +
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range rows {
		fmt.Fprintf(&out, "| %s%s | %.0f µs | %s | %s | %s | %s | %s/s | %s | %s | %.0f MB |\n",
			labels[r.Peer], r.mark(), r.CPU, ratio(r.CPURatio), cost(r.RabbitMQ), ratio(r.RabbitMQRatio), cost(r.Redis),
			thousands(r.Rate), milliseconds(r.P50), milliseconds(r.P99), float64(r.Resident)/1e6)
	}
	return out.String()
}

// Warning says how far the figures can be relied on; empty where nobody else was at work.
func Warning(runs []Run) string {
	most := slices.MaxFunc(runs, func(a, b Run) int { return cmp.Compare(a.Foreign, b.Foreign) })
	if most.Quiet() {
		return ""
	}
	return fmt.Sprintf("¹ Others took more than %.0f %% of the machine in some round, up to %.0f %%: such figures are too high, "+
		"and their ratios hold roughly at best.", quiet*100, most.Foreign*100)
}

// mark is on what was not measured quietly.
func (r Row) mark() string {
	if r.Quiet < r.Rounds {
		return " ¹"
	}
	return ""
}

func cost(microseconds float64) string {
	if microseconds == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f µs", microseconds)
}

func ratio(r float64) string {
	if r == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", r)
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func thousands(n float64) string {
	rounded := int(n/100+0.5) * 100
	if n < 1000 {
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%d %03d", rounded/1000, rounded%1000)
}

// lineLength is how long lines of pages are at most, in characters.
const lineLength = 120

// Wrap breaks a text into lines.
func Wrap(text string) string {
	var out strings.Builder
	left := lineLength
	for n, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case n == 0:
		case length+1 > left:
			out.WriteString("\n")
			left = lineLength
		default:
			out.WriteString(" ")
			left--
		}
		out.WriteString(word)
		left -= length
	}
	return out.String()
}

// Replace puts content between the two lines "<!-- name -->" and "<!-- /name -->" of a page.
func Replace(page, name, content string) (string, error) {
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	head, rest, begun := strings.Cut(page, begin)
	_, tail, ended := strings.Cut(rest, end)
	if !begun || !ended {
		return "", fmt.Errorf("the page has no %q with %q behind it", strings.TrimSpace(begin), end)
	}
	return head + begin + "\n" + strings.TrimSpace(content) + "\n\n" + end + tail, nil
}
