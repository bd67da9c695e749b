package sharded

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/botgate/botgate/internal/event"
)

// Spans writes buckets as the command line takes them: 0-63,512.
func Spans(buckets []int) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(buckets)))
	var parts []string
	for i := 0; i < len(sorted); {
		end := i
		for end+1 < len(sorted) && sorted[end+1] == sorted[end]+1 {
			end++
		}
		part := strconv.Itoa(sorted[i])
		if end > i {
			part += "-" + strconv.Itoa(sorted[end])
		}
		parts = append(parts, part)
		i = end + 1
	}
	return strings.Join(parts, ",")
}

// ParseSpans reads what [Spans] writes.
func ParseSpans(text string) (buckets []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < 0 || to < from || to >= event.Buckets {
			return nil, fmt.Errorf("%q is no range of buckets like 512-575, from 0 to %d", part, event.Buckets-1)
		}
		for b := from; b <= to; b++ {
			buckets = append(buckets, b)
		}
	}
	slices.Sort(buckets)
	return slices.Compact(buckets), nil
}
