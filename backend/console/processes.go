package console

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/botgate/botgate/internal/report"
)

// processOfAPI is a process as it reported last.
type processOfAPI struct {
	report.Process

	Instance string    `json:"instance"`
	SeenAt   time.Time `json:"seen_at"`
}

// processRow is a process in a list.
type processRow struct {
	Instance, Roles, Version string
	Mark                     mark
	// Detail says which of its parts do badly, and what is known of them.
	Detail        string
	Running, Seen string
}

// processRow says what a process is, and how it does.
func (v *visit) processRow(p processOfAPI) processRow {
	row := processRow{
		Instance: visible(p.Instance), Roles: visible(cmp.Or(strings.Join(p.Roles, ", "), "gateway")), Version: visible(p.Version), Mark: markOfPart(p.Status),
		Running: span(v.now.Sub(p.StartedAt)), Seen: v.ago(p.SeenAt),
	}
	var bad []string
	for _, part := range slices.Sorted(maps.Keys(p.Checks)) {
		state := markOfPart(p.Checks[part])
		if state.Tone == "good" {
			continue
		}
		// A gateway that spools is ready, and yet something is wrong.
		if row.Mark.Tone == "good" {
			row.Mark = state
		}
		text := visible(part) + " " + state.Word
		if detail := p.Details[part]; detail != "" {
			text += ": " + visible(detail)
		}
		bad = append(bad, text)
	}
	row.Detail = strings.Join(bad, "; ")
	return row
}
