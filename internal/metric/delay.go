package metric

// DelayBuckets are the edges of histograms of what may take anything from milliseconds to an hour, in seconds:
// whatever waits in a queue on its way.
func DelayBuckets() []float64 {
	return []float64{.005, .01, .025, .05, .1, .2, .5, 1, 3, 10, 30, 60, 300, 900, 3600}
}
