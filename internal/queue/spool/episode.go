package spool

import (
	"log/slog"
	"time"
)

// episode is the time from the first event in an empty spool until it is empty again. It is
// announced once at each end.
type episode struct {
	begun   bool
	at      time.Time
	drained int
}

// spooled counts events that are in the file now, for a cause that may be unknown where
// others went there before. The caller has the lock.
func (s *Spool) spooled(n int, cause error) {
	spooledTotal.Add(float64(n))
	if s.episode.begun {
		return
	}
	s.episode = episode{begun: true, at: time.Now()}
	s.log.Warn("the broker does not take events: they are kept in the spool until it does",
		slog.String("option", "on_broker_error"), slog.String("file", s.cfg.Path), slog.Any("error", cause))
}

// resume begins an episode with what an earlier process left. The caller has the lock.
func (s *Spool) resume() {
	if s.index.events == 0 {
		return
	}
	s.episode = episode{begun: true, at: time.Now()}
	s.log.Warn("events of an earlier run are in the spool and will be drained",
		slog.String("file", s.cfg.Path), slog.Int("events", s.index.events))
}

// drained counts events that left the file for the broker. The caller has the lock.
func (s *Spool) drained(n int) {
	drainedTotal.Add(float64(n))
	s.episode.drained += n
}

// conclude wakes who waits for what has left the file, and ends the episode when nothing is
// left. The caller has the lock.
func (s *Spool) conclude() {
	close(s.progress)
	s.progress = make(chan struct{})
	if s.index.events > 0 {
		return
	}
	s.away = false
	if s.episode.begun {
		s.log.Info("the spool is drained", slog.Int("events", s.episode.drained),
			slog.Duration("after", time.Since(s.episode.at)))
	}
	s.episode = episode{}
}
