package replicas

import "time"

// reason says why a read goes to a replica or to the primary, as the metric's label does.
type reason string

const (
	// The replica's lag is within the bound.
	withinBound reason = "within_bound"
	// There is no primary, so that even a stale answer is better than none.
	primaryDown reason = "primary_down"
	// The caller asked for a fresh answer.
	wantsFresh reason = "fresh"
	// No replica is configured.
	noReplica reason = "no_replica"
	// None of the replicas answers.
	replicasDown reason = "replicas_down"
	// All replicas that answer lag more than allowed.
	replicasLag reason = "replicas_lag"
	// The replica failed, and the read is tried again.
	replicaFailed reason = "replica_failed"
)

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
