package dispatch

import (
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// unknownPause is for how long events go back whose bot is not in the bots file: gateways and dispatch
	// notice its changes at different times.
	unknownPause = time.Minute
	// unknownEvery is the time between two lines in the log about such events.
	unknownEvery = time.Minute
)

// awaitBot gives an event of an unknown bot back, for as long as events are tried.
func (s *session) awaitBot(delivery *queue.Delivery, now time.Time, sp *span) error {
	if now.Sub(triedSince(delivery, now)) > (bots.Bot{}).WithDefaults().GiveUpAfter {
		change := newChange(delivery)
		change.Error = unknownBot
		return s.conclude(delivery, change, 0, sp)
	}
	s.metrics.unknown.Inc()
	s.unknown.Do(func() {
		s.log.Warn("events wait whose bot is not in the bots file; add it, or they die in the end", delivery.Event.LogAttr())
	})
	return s.postpone(delivery, unknownPause)
}
