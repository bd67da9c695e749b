// Package report makes a table and a picture of what was measured.
package report

import (
	"cmp"
	"slices"
	"time"
)

// quiet is the largest share of the machine that others may take while something is measured: what they
// take above that is felt in the figures.
const quiet = 0.06

// Run is one measurement of a peer.
type Run struct {
	// Peer is its name, Round counts from 0, and Connections is how many requests were under way at once.
	Peer               string
	Round, Connections int
	// Rate is in requests per second.
	Rate float64
	// P50 and P99 are percentiles of the latency.
	P50, P99 time.Duration
	// CPU is the processor time of the peer's processes, and Redis and RabbitMQ that of the services, in
	// microseconds a request; 0 of one that it does not use.
	CPU, Redis, RabbitMQ float64
	// Resident is the peer's memory, in bytes.
	Resident int64
	// Foreign is the share of the machine that others took, from 0 to 1.
	Foreign float64
}

// Quiet reports whether nobody else was at work.
func (r Run) Quiet() bool { return r.Foreign <= quiet }

// Row is what all rounds of a peer say: medians.
type Row struct {
	Peer string
	// Rounds is how many there were, and Quiet in how many of them nobody else was at work.
	Rounds, Quiet        int
	Rate                 float64
	P50, P99             time.Duration
	CPU, Redis, RabbitMQ float64
	Resident             int64
	// RateRatio, CPURatio and RabbitMQRatio are medians of the ratios to the base in the same round;
	// 0 where there is none.
	RateRatio, CPURatio, RabbitMQRatio float64
}

// Rows are those of the runs with so many connections, the one with the least processor time first.
func Rows(runs []Run, base string, connections int) []Row {
	of := map[string][]Run{}
	bases := map[int]Run{}
	for _, r := range runs {
		if r.Connections != connections {
			continue
		}
		of[r.Peer] = append(of[r.Peer], r)
		if r.Peer == base {
			bases[r.Round] = r
		}
	}
	var rows []Row
	for _, of := range of {
		rows = append(rows, row(of, bases))
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.CPU, b.CPU) })
	return rows
}

func row(runs []Run, bases map[int]Run) Row {
	ratio := func(of func(Run) float64) float64 {
		var all []float64
		for _, r := range runs {
			if b, measured := bases[r.Round]; measured && of(b) > 0 {
				all = append(all, of(r)/of(b))
			}
		}
		return median(all)
	}
	medianOf := func(of func(Run) float64) float64 {
		all := make([]float64, len(runs))
		for n, r := range runs {
			all[n] = of(r)
		}
		return median(all)
	}
	rate := func(r Run) float64 { return r.Rate }
	cpu := func(r Run) float64 { return r.CPU }
	rabbitMQ := func(r Run) float64 { return r.RabbitMQ }
	row := Row{
		Peer: runs[0].Peer, Rounds: len(runs),
		Rate: medianOf(rate), CPU: medianOf(cpu), RabbitMQ: medianOf(rabbitMQ),
		Redis:     medianOf(func(r Run) float64 { return r.Redis }),
		P50:       time.Duration(medianOf(func(r Run) float64 { return float64(r.P50) })),
		P99:       time.Duration(medianOf(func(r Run) float64 { return float64(r.P99) })),
		Resident:  int64(medianOf(func(r Run) float64 { return float64(r.Resident) })),
		RateRatio: ratio(rate), CPURatio: ratio(cpu), RabbitMQRatio: ratio(rabbitMQ),
	}
	for _, r := range runs {
		if r.Quiet() {
			row.Quiet++
		}
	}
	return row
}

// median is the middle of the values, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Percentile is the smallest of the sorted durations that p percent of them do not exceed; 0 of none.
func Percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
