package replicas

import (
	"cmp"
	"slices"
	"time"
)

// lsn is a position in the write-ahead log.
type lsn uint64

// observation is what a probe of a server found.
type observation struct {
	// at is when the server was asked, by our clock: it knew everything committed before that.
	at time.Time
	// primary is whether it takes writes, rather than being in recovery.
	primary bool
	// position is up to where a primary has flushed its log, or a standby has replayed it.
	position lsn
	// timeline grows by one with each promotion. 0 is unknown: a standby shows it to
	// members of pg_monitor only.
	timeline uint32
	// streaming is whether a standby is connected to its primary.
	streaming bool
}

// server is what is known of one.
type server struct {
	// readable is whether reads may go there while it is a standby.
	readable bool
	probed   bool
	up       bool
	// stale is whether it takes writes although another one was promoted since.
	stale bool
	last  observation
	// currentAt is a time: reads there see everything that was confirmed before it. It
	// stands still while the server lags, whatever the reason. Zero: nothing is known.
	currentAt time.Time
}

// lag is how far reads there may be behind.
func (s *server) lag(now time.Time) time.Duration { return now.Sub(s.currentAt) }

// sample says that everything confirmed before a time is in the log before a position.
type sample struct {
	at       time.Time
	position lsn
}

// maxSamples bounds the history, and with it how large a lag can be measured.
const maxSamples = 1024

// none is the index of no server.
const none = -1

// topology knows which server of a shard is the primary and how far the others lag. It
// compares positions in the log, which need no synchronized clocks: a standby that has
// replayed what the primary's log held at some time lags by the time since then at most.
// That is true of an idle primary, whose position stays, as well as of a standby that lost
// its primary, whose own position stays. It reads no clock and has no lock of its own.
type topology struct {
	servers  []server
	primary  int
	timeline uint32
	// samples are the primary's, with positions and times that both grow.
	samples []sample
}

// transition is what an observation changed.
type transition int

const (
	unchanged transition = iota
	// returned: a server answers that did not.
	returned
	// promoted: another server than before is the primary, or it is known for the first time.
	promoted
	// stale: a server takes writes, but a later promotion has made another one the primary.
	stale
)

// observe records the result of a probe of server i.
func (t *topology) observe(i int, seen observation) transition {
	s := &t.servers[i]
	change := unchanged
	if !s.up {
		change = returned
	}
	s.probed, s.up, s.last = true, true, seen
	s.stale = seen.primary && seen.timeline < t.timeline
	switch {
	case !seen.primary:
		if t.primary == i {
			t.primary = none
		}
	case s.stale:
		if t.primary == i {
			t.primary = none
		}
		return stale
	case t.supersedes(i, seen):
		t.primary, t.timeline = i, seen.timeline
		t.resetSamples()
		change = promoted
	}
	if t.primary == i {
		t.addSample(sample{seen.at, seen.position})
	}
	t.updateLag()
	return change
}

// markDown records that server i does not answer. What it has replayed stays known.
func (t *topology) markDown(i int) {
	t.servers[i].probed, t.servers[i].up = true, false
}

// supersedes reports whether server i, which takes writes, is the primary from now on. Of
// two on the same timeline it is the one that is known already.
func (t *topology) supersedes(i int, seen observation) bool {
	return t.primary == none || seen.timeline > t.timeline || t.primary != i && !t.servers[t.primary].up
}

// resetSamples drops what was measured against another log.
func (t *topology) resetSamples() {
	t.samples = nil
	for i := range t.servers {
		t.servers[i].currentAt = time.Time{}
	}
}

func (t *topology) addSample(s sample) {
	last := len(t.samples) - 1
	switch {
	case last >= 0 && s.position < t.samples[last].position: // Somebody restored it to an earlier time.
		t.resetSamples()
	case last >= 0 && s.position == t.samples[last].position:
		t.samples[last].at = s.at
		return
	case len(t.samples) == maxSamples:
		t.samples = slices.Delete(t.samples, 0, 1)
	}
	t.samples = append(t.samples, s)
}

// updateLag dates each standby by the newest sample that it has replayed.
func (t *topology) updateLag() {
	for i := range t.servers {
		s := &t.servers[i]
		if s.last.primary || !s.probed {
			continue
		}
		n, _ := slices.BinarySearchFunc(t.samples, s.last.position+1, func(a sample, position lsn) int {
			return cmp.Compare(a.position, position)
		})
		if n > 0 && t.samples[n-1].at.After(s.currentAt) {
			s.currentAt = t.samples[n-1].at
		}
	}
}

// followsPrimary reports whether the positions of standby s are comparable with the primary's:
// one that follows another server, or none, may have what the primary never had.
func (t *topology) followsPrimary(s *server) bool {
	return s.last.streaming && (s.last.timeline == 0 || s.last.timeline >= t.timeline)
}

// surveyed reports whether all servers were probed.
func (t *topology) surveyed() bool {
	return !slices.ContainsFunc(t.servers, func(s server) bool { return !s.probed })
}

// primaryDown reports whether all servers were probed and none of them is the primary.
func (t *topology) primaryDown() bool { return t.surveyed() && !t.primaryUp() }

func (t *topology) primaryUp() bool { return t.primary != none && t.servers[t.primary].up }

// summary counts the servers by state.
type summary struct {
	primaries, current, lagging, down float64
	// maxLag is the largest of the replicas that answer; one that was never current lags since
	// the first sample.
	maxLag time.Duration
}

func (t *topology) summarize(now time.Time, maxLag time.Duration) summary {
	var sum summary
	if t.primaryUp() {
		sum.primaries = 1
	}
	for i := range t.servers {
		s := &t.servers[i]
		switch {
		case !s.readable || s.up && s.last.primary:
			continue
		case !s.up:
			sum.down++
			continue
		case s.lag(now) <= maxLag && t.followsPrimary(s):
			sum.current++
		default:
			sum.lagging++
		}
		if !s.currentAt.IsZero() {
			sum.maxLag = max(sum.maxLag, s.lag(now))
		} else if len(t.samples) > 0 {
			sum.maxLag = max(sum.maxLag, now.Sub(t.samples[0].at))
		}
	}
	return sum
}
