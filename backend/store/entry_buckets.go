package store

import (
	"slices"
	"time"

	"github.com/botgate/botgate/internal/event"
)

// bucketEdges are the longest durations of all buckets but the last, which has what is longer. The columns of both
// engines go by them, so they never change.
var bucketEdges = []time.Duration{
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	time.Second, 5 * time.Second, 30 * time.Second, 5 * time.Minute,
}

// BucketCount is how many buckets there are.
const BucketCount = 10

// BucketEdges returns the longest durations of all buckets but the last.
func BucketEdges() []time.Duration { return slices.Clone(bucketEdges) }

// Buckets count durations by how long they are; see [BucketEdges]. They are additive.
type Buckets [BucketCount]int64

// Count counts a duration.
func (b *Buckets) Count(d time.Duration) {
	i, _ := slices.BinarySearch(bucketEdges, d)
	b[i]++
}

// Add adds other, sign times.
func (b *Buckets) Add(other Buckets, sign int64) {
	for i := range b {
		b[i] += sign * other[i]
	}
}

// Quantile is the duration that a share q of all do not exceed, read off a line through its bucket; false without any.
// What is in the last bucket counts as its lower edge.
func (b *Buckets) Quantile(q float64) (time.Duration, bool) {
	var all int64
	for _, n := range b {
		all += max(n, 0)
	}
	if all == 0 {
		return 0, false
	}
	rank, lower := q*float64(all), time.Duration(0)
	for i, edge := range bucketEdges {
		n := float64(max(b[i], 0))
		if n > 0 && rank <= n {
			return lower + time.Duration(float64(edge-lower)*rank/n), true
		}
		rank, lower = rank-n, edge
	}
	return lower, true
}

// Activity is what happened at bots. It is additive.
type Activity struct {
	Counts Counts
	// Duration is how long the attempts took together.
	Duration time.Duration
	// Took has the attempts by how long they took, Waited the deliveries by how long they came after the acceptance. What
	// programs before version 4 of the schema recorded is not in them.
	Took, Waited Buckets
}

// ActivityOf is that of one entry.
func ActivityOf(e *Entry) Activity {
	a := Activity{Counts: CountsOf(e.State.Status), Duration: e.Took}
	switch e.State.Status {
	case event.StatusDelivered:
		a.Took.Count(e.Took)
		a.Waited.Count(Micros(e.Time).Sub(e.EventTime))
	case event.StatusFailed, event.StatusDead:
		a.Took.Count(e.Took)
	default:
	}
	return a
}

// Add adds other, sign times.
func (a *Activity) Add(other Activity, sign int64) {
	a.Counts.Add(other.Counts, sign)
	a.Duration += time.Duration(sign) * other.Duration
	a.Took.Add(other.Took, sign)
	a.Waited.Add(other.Waited, sign)
}

// Numbers are all but the duration, in the order of the columns of both engines.
func (a *Activity) Numbers() []int64 {
	counts := a.Counts.Numbers()
	return slices.Concat(counts[:], a.Took[:], a.Waited[:])
}

// Columns are pointers to the Numbers, to scan them.
func (a *Activity) Columns() []any {
	columns := a.Counts.Columns()
	for i := range a.Took {
		columns = append(columns, &a.Took[i])
	}
	for i := range a.Waited {
		columns = append(columns, &a.Waited[i])
	}
	return columns
}
