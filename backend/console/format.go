package console

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// stamp is a time as pages show it.
type stamp struct {
	// Clock, Millis and Day are for rows, and Full for where there is room.
	Clock, Millis, Day, Full string
}

func (v *visit) stamp(at time.Time) stamp {
	if at.IsZero() {
		return stamp{}
	}
	at = at.In(v.look.Zone)
	return stamp{
		Clock: at.Format("15:04:05"), Millis: at.Format(".000"), Day: at.Format("Mon 2 January 2006"),
		Full: at.Format("2006-01-02 15:04:05.000 MST"),
	}
}

// span is a duration in at most two units.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < time.Hour:
		return twoUnits(d, time.Minute, "min", time.Second, "s")
	case d < 48*time.Hour:
		return twoUnits(d, time.Hour, "h", time.Minute, "min")
	}
	return twoUnits(d, 24*time.Hour, "d", time.Hour, "h")
}

func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	text := fmt.Sprintf("%d %s", d/large, largeName)
	if rest := d % large / small; rest > 0 {
		text += fmt.Sprintf(" %d %s", rest, smallName)
	}
	return text
}

// about is a duration in one unit.
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// ago says how long a time has been, or how long it is until then; a clock that is ahead makes nothing negative.
func (v *visit) ago(at time.Time) string {
	switch d := v.now.Sub(at); {
	case at.IsZero():
		return "–"
	case d < time.Second && d > -time.Second:
		return "now"
	case d < 0:
		return "in " + about(-d)
	default:
		return about(d) + " ago"
	}
}

// bytesOf is a size for people.
func bytesOf(n int) string { return humanize.IBytes(uint64(max(n, 0))) }

// count is a number with its thousands apart, and what is counted.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(int64(n)) + " " + many
}

// number has its thousands apart.
func number(n int64) string { return strings.ReplaceAll(humanize.Comma(n), ",", "\u202f") }

// short is the part of an id that rows show: its end, since the beginning of all ids of a minute is the same.
func short(id string) string {
	if len(id) <= 8 {
		return id
	}
	return id[len(id)-8:]
}

// visible has characters that would change what is around them, or that can't be seen, stand there as escapes. Line
// breaks and tabs stay.
func visible(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' || unicode.Is(unicode.Bidi_Control, r) || r == '\uFEFF'
}

// mark is a status as word, shape and colour.
type mark struct{ Word, Shape, Tone string }

// marks are those of events and of jobs.
var marks = map[string]mark{
	"scheduled": {"scheduled", "◷", "mute"},
	"due":       {"due", "◷", "calm"},
	"accepted":  {"accepted", "○", "calm"},
	"released":  {"released", "○", "calm"},
	"deferred":  {"deferred", "◷", "calm"},
	"replayed":  {"replayed", "↻", "calm"},
	"repeated":  {"repeated", "○", "mute"},
	"progress":  {"progress", "◔", "calm"},
	"answered":  {"answered", "●", "mute"},
	"failed":    {"failed", "◐", "warn"},
	"expired":   {"expired", "◌", "mute"},
	"dead":      {"dead", "✖", "bad"},
	"dropped":   {"dropped", "⊘", "mute"},
	"delivered": {"delivered", "●", "good"},
	"queued":    {"queued", "○", "calm"},
	"running":   {"running", "◐", "warn"},
	"done":      {"done", "●", "good"},
	"cancelled": {"cancelled", "⊘", "mute"},
}

func markOf(status string) mark {
	if m, ok := marks[status]; ok {
		return m
	}
	return mark{visible(status), "?", "mute"}
}

// markOfJob is that of a job, which does not fail for a while only.
func markOfJob(status string) mark {
	if status == "failed" {
		return mark{"failed", "✖", "bad"}
	}
	return markOf(status)
}
