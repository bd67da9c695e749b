package replicas

import (
	"slices"
	"time"
)

// lsn is a position in the write-ahead log.
type lsn uint64

// sight is what a server said about itself.
type sight struct {
	// at is when it was asked, by our clock: it knew everything committed before that.
	at time.Time
	// primary is whether it takes writes, rather than following another server.
	primary bool
	// position is up to where a primary's log is safe on disk, or a standby has replayed it.
	position lsn
	// timeline grows by one with each promotion. 0 is unknown: a standby tells it to
	// members of pg_monitor only.
	timeline uint32
	// following is whether a standby is connected to its primary.
	following bool
}

// server is what is known of one.
type server struct {
	// readable is whether reads may go there while it is a standby.
	readable bool
	asked    bool
	up       bool
	// outdated is whether it takes writes although another one was promoted since.
	outdated bool
	last     sight
	// upTo is a time: all that was confirmed before it is seen by reads there. It
	// stands still while the server lags, whatever the reason. Zero: nothing is known.
	upTo time.Time
}

// sample says that everything confirmed before a time is in the log before a position.
type sample struct {
	at       time.Time
	position lsn
}

// maxSamples bounds the history, and with it how large a lag can be told.
const maxSamples = 1024

// none is the index of no server.
const none = -1

// topology knows which server of a shard is the primary and how far the others follow. It
// compares positions in the log, which need no clocks that agree: a standby that has
// replayed what the primary's log held at some time lags by the time since then at most.
// That is true of an idle primary, whose position stays, as well as of a standby that lost
// its primary, whose own position stays. It has no clock and no lock of its own.
type topology struct {
	servers  []server
	primary  int
	timeline uint32
	// samples are the primary's, with positions and times that both grow.
	samples []sample
}

// change is what an answer changed.
type change int

const (
	unchanged change = iota
	// returned: a server answers that did not.
	returned
	// promoted: another server than before is the primary, or it is known for the first time.
	promoted
	// outdated: a server takes writes, but a later promotion has made another one the primary.
	outdated
)

// observe takes what server i said.
func (t *topology) observe(i int, seen sight) change {
	s := &t.servers[i]
	change := unchanged
	if !s.up {
		change = returned
	}
	s.asked, s.up, s.last = true, true, seen
	s.outdated = seen.primary && seen.timeline < t.timeline
	switch {
	case !seen.primary:
		if t.primary == i {
			t.primary = none
		}
	case s.outdated:
		if t.primary == i {
			t.primary = none
		}
		return outdated
	case t.supersedes(i, seen):
		t.primary, t.timeline = i, seen.timeline
		t.forget()
		change = promoted
	}
	if t.primary == i {
		t.record(sample{seen.at, seen.position})
	}
	t.measure()
	return change
}

// lost takes that server i does not answer. What it has replayed stays known.
func (t *topology) lost(i int) {
	t.servers[i].asked, t.servers[i].up = true, false
}

// supersedes reports whether server i, which takes writes, is the primary from now on. Of
// two on the same timeline the known one stays it.
func (t *topology) supersedes(i int, seen sight) bool {
	return t.primary == none || seen.timeline > t.timeline || t.primary != i && !t.servers[t.primary].up
}

// forget drops what was measured against another log.
func (t *topology) forget() {
	t.samples = nil
	for i := range t.servers {
		t.servers[i].upTo = time.Time{}
	}
}

func (t *topology) record(s sample) {
	last := len(t.samples) - 1
	switch {
	case last >= 0 && s.position < t.samples[last].position: // Somebody restored it to an earlier time.
		t.forget()
	case last >= 0 && s.position == t.samples[last].position:
		t.samples[last].at = s.at
		return
	case len(t.samples) == maxSamples:
		t.samples = slices.Delete(t.samples, 0, 1)
	}
	t.samples = append(t.samples, s)
}

func (t *topology) measure() {
	for i := range t.servers {
		s := &t.servers[i]
		if s.last.primary || !s.asked {
			continue
		}
		n, _ := slices.BinarySearchFunc(t.samples, s.last.position+1, func(a sample, position lsn) int {
			if a.position < position {
				return -1
			}
			return 1
		})
		if n > 0 && t.samples[n-1].at.After(s.upTo) {
			s.upTo = t.samples[n-1].at
		}
	}
}

// onOurLog reports whether the positions of standby s are comparable with the primary's:
// one that follows another server, or none, may have what the primary never had.
func (t *topology) onOurLog(s *server) bool {
	return s.last.following && (s.last.timeline == 0 || s.last.timeline >= t.timeline)
}

// surveyed reports whether all servers were asked.
func (t *topology) surveyed() bool {
	return !slices.ContainsFunc(t.servers, func(s server) bool { return !s.asked })
}

// primaryAway reports whether all servers were asked and none of them is the primary.
func (t *topology) primaryAway() bool {
	return t.surveyed() && (t.primary == none || !t.servers[t.primary].up)
}

// census counts the servers by state.
type census struct {
	primaries, current, lagging, away float64
	// lag is the largest of the replicas that answer; one that was never current lags since
	// it was first measured.
	lag time.Duration
}

func (t *topology) census(now time.Time, maxLag time.Duration) census {
	var c census
	if t.primary != none && t.servers[t.primary].up {
		c.primaries = 1
	}
	for i := range t.servers {
		s := &t.servers[i]
		switch {
		case !s.readable || s.up && s.last.primary:
			continue
		case !s.up:
			c.away++
			continue
		}
		c.lag = max(c.lag, t.lag(s, now))
		if now.Sub(s.upTo) <= maxLag && t.onOurLog(s) {
			c.current++
		} else {
			c.lagging++
		}
	}
	return c
}

func (t *topology) lag(s *server, now time.Time) time.Duration {
	switch {
	case !s.upTo.IsZero():
		return now.Sub(s.upTo)
	case len(t.samples) > 0:
		return now.Sub(t.samples[0].at)
	}
	return 0
}
