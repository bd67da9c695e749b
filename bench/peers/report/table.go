package report

import (
	"fmt"
	"strings"
	"time"
)

// Table is a table in Markdown; labels say what the peers are called.
func Table(rows []Row, labels map[string]string) string {
	var out strings.Builder
	out.WriteString("| | CPU | ratio | RabbitMQ | ratio | Redis | requests | p50 | p99 | memory |\n" +
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range rows {
		fmt.Fprintf(&out, "| %s%s | %.0f µs | %s | %s | %s | %s | %s/s | %s | %s | %.0f MB |\n",
			labels[r.Peer], r.mark(), r.CPU, ratio(r.CPURatio), cost(r.RabbitMQ), r.rabbitMQRatio(), cost(r.Redis),
			thousands(r.Rate), milliseconds(r.P50), milliseconds(r.P99), float64(r.Resident)/1e6)
	}
	return out.String()
}

// Busy reports whether others were at work in some round of a row.
func Busy(rows []Row) bool {
	for _, r := range rows {
		if r.mark() != "" {
			return true
		}
	}
	return false
}

// mark is on what was not measured quietly.
func (r Row) mark() string {
	if r.Quiet < r.Rounds {
		return " ¹"
	}
	return ""
}

// nothing is what a service takes that a peer does not use: it has some housekeeping.
const nothing = 2

func cost(microseconds float64) string {
	if microseconds < nothing {
		return "–"
	}
	return fmt.Sprintf("%.0f µs", microseconds)
}

func (r Row) rabbitMQRatio() string {
	if r.RabbitMQ < nothing {
		return "–"
	}
	return ratio(r.RabbitMQRatio)
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
