package replicas

import "time"

// reason says why a read goes where it goes.
type reason int

const (
	// The replica is within the bound.
	withinBound reason = iota
	// There is no primary to ask, so that even a stale answer is better than none.
	primaryAway
	// The caller asked for a fresh answer.
	wantsFresh
	// No replica is configured.
	noReplica
	// None of the replicas answers.
	replicasAway
	// All replicas that answer lag more than allowed.
	replicasLag
	// The replica failed, and the read is tried again.
	replicaFailed
	reasons
)

// String is the label of the metric.
func (r reason) String() string {
	return [reasons]string{"within_bound", "primary_away", "fresh", "no_replica", "replicas_away", "replicas_lag", "replica_failed"}[r]
}

// table is what routing needs to know; it does not change once made.
type table struct {
	configured bool
	// away is whether there is no primary at present; while the last one's samples are
	// recent, replicas are used as if it were there.
	away     bool
	sampled  time.Time
	replicas []replica
}

// replica is a standby that answers.
type replica struct {
	server int
	upTo   time.Time
	// comparable is whether upTo is about the primary's log.
	comparable bool
	replayed   lsn
}

// table lists the replicas that can be read from.
func (t *topology) table() *table {
	made := &table{away: t.primaryAway()}
	if n := len(t.samples); n > 0 {
		made.sampled = t.samples[n-1].at
	}
	for i := range t.servers {
		s := &t.servers[i]
		made.configured = made.configured || s.readable
		if s.readable && s.up && !s.last.primary {
			made.replicas = append(made.replicas, replica{i, s.upTo, made.away || t.onOurLog(s), s.last.position})
		}
	}
	return made
}

// route chooses a replica for a read, or none for the primary. Reads are spread by turn.
func (t *table) route(now time.Time, maxLag time.Duration, turn uint64) (int, reason) {
	current := 0
	for _, r := range t.replicas {
		if r.within(now, maxLag) {
			current++
		}
	}
	switch {
	case current > 0:
		return t.nth(now, maxLag, int(turn%uint64(current))), withinBound
	case !t.configured:
		return none, noReplica
	case len(t.replicas) == 0:
		return none, replicasAway
	case t.away && now.Sub(t.sampled) > maxLag:
		return t.furthest(), primaryAway
	}
	return none, replicasLag
}

func (r replica) within(now time.Time, maxLag time.Duration) bool {
	return r.comparable && !r.upTo.IsZero() && now.Sub(r.upTo) <= maxLag
}

func (t *table) nth(now time.Time, maxLag time.Duration, n int) int {
	for _, r := range t.replicas {
		if !r.within(now, maxLag) {
			continue
		}
		if n == 0 {
			return r.server
		}
		n--
	}
	return none
}

func (t *table) furthest() int {
	best := t.replicas[0]
	for _, r := range t.replicas[1:] {
		if r.replayed > best.replayed {
			best = r
		}
	}
	return best.server
}
