package replicas

import (
	"cmp"
	"slices"
	"time"
)

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

// routes is a snapshot of the topology to choose replicas from without a lock. It does not
// change once made.
type routes struct {
	configured bool
	// primaryDown is whether there is no primary. While the last one's positions are recent,
	// replicas are used as if it were there.
	primaryDown bool
	// sampledAt is when the last position of a primary was read.
	sampledAt time.Time
	replicas  []replica
}

// replica is a standby that answers.
type replica struct {
	server    int
	currentAt time.Time
	// comparable is whether currentAt is about the primary's log.
	comparable bool
	replayed   lsn
}

// routes lists the replicas that can be read from.
func (t *topology) routes() *routes {
	r := &routes{primaryDown: t.primaryDown()}
	if n := len(t.samples); n > 0 {
		r.sampledAt = t.samples[n-1].at
	}
	for i := range t.servers {
		s := &t.servers[i]
		r.configured = r.configured || s.readable
		if s.readable && s.up && !s.last.primary {
			r.replicas = append(r.replicas, replica{i, s.currentAt, r.primaryDown || t.followsPrimary(s), s.last.position})
		}
	}
	return r
}

// choose returns the server of the replica for a read, or none for the primary, and why. Reads
// are spread by turn.
func (r *routes) choose(now time.Time, maxLag time.Duration, turn uint64) (int, reason) {
	current := make([]int, 0, len(r.replicas))
	for _, replica := range r.replicas {
		if replica.within(now, maxLag) {
			current = append(current, replica.server)
		}
	}
	switch {
	case len(current) > 0:
		return current[turn%uint64(len(current))], withinBound
	case !r.configured:
		return none, noReplica
	case len(r.replicas) == 0:
		return none, replicasDown
	case r.primaryDown && now.Sub(r.sampledAt) > maxLag:
		return slices.MaxFunc(r.replicas, func(a, b replica) int { return cmp.Compare(a.replayed, b.replayed) }).server, primaryDown
	}
	return none, replicasLag
}

func (r replica) within(now time.Time, maxLag time.Duration) bool {
	return r.comparable && !r.currentAt.IsZero() && now.Sub(r.currentAt) <= maxLag
}
