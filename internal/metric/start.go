package metric

import "github.com/prometheus/client_golang/prometheus"

// Start makes a series for each combination of the values of the labels, in their order, and returns the
// counters. What begins at 1 has no increase for Prometheus: the first of a kind would be seen by no rule.
func Start(counters *prometheus.CounterVec, values ...[]string) *prometheus.CounterVec {
	start(counters, values, nil)
	return counters
}

func start(counters *prometheus.CounterVec, values [][]string, labels []string) {
	if len(values) == 0 {
		counters.WithLabelValues(labels...)
		return
	}
	for _, value := range values[0] {
		start(counters, values[1:], append(labels, value))
	}
}

// Values are those of a label whose values are of a type of their own.
func Values[S ~string](values ...S) []string {
	all := make([]string, len(values))
	for n, value := range values {
		all[n] = string(value)
	}
	return all
}
