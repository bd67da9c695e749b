package replicas

import "time"

// reason says why a read goes to a replica or to the primary.
type reason int

const (
	// The replica's lag is within the bound.
	withinBound reason = iota
	// There is no primary, so that even a stale answer is better than none.
	primaryDown
	// The caller asked for a fresh answer.
	wantsFresh
	// No replica is configured.
	noReplica
	// None of the replicas answers.
	replicasDown
	// All replicas that answer lag more than allowed.
	replicasLag
	// The replica failed, and the read is tried again.
	replicaFailed
	reasons
)

// String is the label of the metric.
func (r reason) String() string {
	return [reasons]string{"within_bound", "primary_down", "fresh", "no_replica", "replicas_down", "replicas_lag", "replica_failed"}[r]
}

// chooseReplica returns the server for a read, or none for the primary, and why. Reads are
// spread by turn over the replicas within the bound.
func (t *topology) chooseReplica(now time.Time, maxLag time.Duration, turn uint64) (int, reason) {
	configured, furthest, down := false, none, t.primaryDown()
	var current []int
	for i := range t.servers {
		s := &t.servers[i]
		configured = configured || s.readable
		if !s.readable || !s.up || s.last.primary {
			continue
		}
		if furthest == none || s.last.position > t.servers[furthest].last.position {
			furthest = i
		}
		if s.lag(now) <= maxLag && (down || t.followsPrimary(s)) {
			current = append(current, i)
		}
	}
	switch {
	case len(current) > 0:
		return current[turn%uint64(len(current))], withinBound
	case !configured:
		return none, noReplica
	case furthest == none:
		return none, replicasDown
	// While the last positions of the primary are recent, replicas are used as if it were up.
	case down && (len(t.samples) == 0 || now.Sub(t.samples[len(t.samples)-1].at) > maxLag):
		return furthest, primaryDown
	}
	return none, replicasLag
}
