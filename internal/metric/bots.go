package metric

import "slices"

const (
	// OtherBots is the label bot of all bots together that have no series of their own. No bot can have
	// the name.
	OtherBots = "(other)"
	// MaxBots is how many bots have counters and histograms of their own: each has dozens of series.
	MaxBots = 200
)

// Bots are those of the bots file that have series of their own, the same in every process: the first
// [MaxBots] by name.
func Bots(names []string) []string {
	names = slices.Sorted(slices.Values(names))
	return names[:min(len(names), MaxBots)]
}
