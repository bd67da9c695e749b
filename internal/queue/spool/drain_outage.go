package spool

import (
	"log/slog"
	"time"
)

// outage is the time from the first event in an empty spool until it is empty again. Its
// begin and its end are logged once each.
type outage struct {
	begun   bool
	at      time.Time
	drained int
	// drainedAt is when the first one left the file.
	drainedAt time.Time
}

// spooled counts events that are in the file now. What went there without an attempt of its own did
// because of the last failure. The caller has the lock.
func (s *Spool) spooled(n int, cause error) {
	spooledTotal.Add(float64(n))
	if s.outage.begun {
		return
	}
	s.outage = outage{begun: true, at: time.Now()}
	if cause == nil {
		cause = s.failure
	}
	s.log.Warn("the broker does not take events: they are kept in the spool until it does",
		slog.String("option", s.cfg.Option), slog.String("file", s.cfg.Path), slog.Any("error", cause))
}

// resume begins an outage with what an earlier process left. The caller has the lock.
func (s *Spool) resume() {
	if s.index.events == 0 {
		return
	}
	s.outage = outage{begun: true, at: time.Now()}
	s.log.Warn("events of an earlier run are in the spool and will be drained",
		slog.String("file", s.cfg.Path), slog.Int("events", s.index.events))
}

// drained counts an event that left the file, since all of its queues have it. The caller has the lock.
func (s *Spool) drained() {
	drainedTotal.Inc()
	if s.outage.drained == 0 {
		s.outage.drainedAt = time.Now()
	}
	s.outage.drained++
}

// conclude wakes publishes that wait for what has left the file, and ends the outage when
// the file is empty. The caller has the lock.
func (s *Spool) conclude() {
	close(s.progress)
	s.progress = make(chan struct{})
	if s.index.events > 0 {
		return
	}
	s.away = pace{}
	if s.outage.begun {
		s.log.Info("the spool is drained", slog.Int("events", s.outage.drained),
			slog.Duration("after", time.Since(s.outage.at)))
	}
	if s.outage.drained > 0 {
		s.cfg.Messaging.Drained(s.outage.drainedAt, s.outage.drained)
	}
	s.outage = outage{}
}
