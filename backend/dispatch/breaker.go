package dispatch

import (
	"time"

	"github.com/botgate/botgate/internal/retry"
)

const (
	// openAfter is how many attempts in a row have to find a bot down until it is left alone, and
	// reopenAfter the same while it comes back: one event that a bot can't take is no reason.
	openAfter   = 5
	reopenAfter = 2
	// wellFor is how long an answer says that a bot is not down.
	wellFor = 10 * time.Second
)

// probePause paces the probes of a bot that is down: as often as a load balancer would look at it, so
// that it gets what waits within 2 s of its return.
var probePause = retry.Backoff{Min: 1500 * time.Millisecond, Jitter: 0.5}

// chargePause paces those of them that count as an attempt when they fail.
var chargePause = retry.Backoff{Min: time.Second, Max: time.Minute}

// health is what an attempt says of its bot.
type health int

const (
	unknown health = iota // The attempt was cut off, or failed inside Botgate.
	up                    // It took the event, or refused that for good.
	down                  // No answer, or one that makes the event be tried again.
)

// breaker leaves a bot alone that is down, but for one probe at a time. When one finds it up, it
// lets one, two, four … attempts run at once. It has no lock and no clock.
type breaker struct {
	share int // Attempts that may run at once while it is closed.
	step  int // Those that may now: share while it is closed, 0 while it is open.

	downs  int       // Attempts in a row that found the bot down.
	lastUp time.Time // When one last did not.
	since  time.Time // When it opened; zero once it is closed again.
	// epoch ends when it opens. Attempts from before say nothing then, unless the bot is up.
	epoch   int
	probing bool
	probeAt time.Time
	// charges is whether the last attempt counts as one of its event. Of failed probes only those do
	// that come after chargeAt; charged is how many did since it was closed.
	charges  bool
	charged  int
	chargeAt time.Time
}

// resize changes the share.
func (b *breaker) resize(share int) {
	if b.step == b.share || b.step > share {
		b.step = share // It stays closed.
	}
	b.share = share
}

// pass is the permission for an attempt.
type pass struct {
	epoch  int
	probe  bool
	isBulk bool // Of what it is, for whoever counts.
}

// admits reports whether an attempt may begin, when so many that it admitted since it opened run.
func (b *breaker) admits(running int, now time.Time) bool {
	if b.step > 0 {
		return running < b.step
	}
	return !b.probing && !now.Before(b.probeAt)
}

// admit is called for each attempt that begins.
func (b *breaker) admit() pass {
	b.probing = b.step == 0
	return pass{epoch: b.epoch, probe: b.probing}
}

// observe is called for each attempt that ended. A bot that is down is not asked again before
// the time that it wants.
func (b *breaker) observe(p pass, h health, retryAfter time.Duration, now time.Time) {
	current := p.epoch == b.epoch
	if b.charges = !p.probe || h != down || !now.Before(b.chargeAt); p.probe && b.charges {
		b.charged++
		b.chargeAt = now.Add(chargePause.Delay(b.charged))
	}
	if current && p.probe {
		b.probing = false
	}
	switch {
	case h == up:
		b.downs, b.lastUp = 0, now
		b.step = min(b.share, max(1, 2*b.step))
		if b.step == b.share {
			b.since, b.charged = time.Time{}, 0
		}
	case h == down && current:
		b.downs++
		if b.step == 0 || b.downs >= openAfter || b.downs >= reopenAfter && !b.since.IsZero() {
			b.open(retryAfter, now)
		}
	}
}

func (b *breaker) open(retryAfter time.Duration, now time.Time) {
	if b.since.IsZero() {
		b.since = now
	}
	b.epoch++
	b.step = 0
	b.probeAt = now.Add(max(probePause.Delay(1), retryAfter))
}

// pause returns how long an event waits whose attempt failed, and when it may go. While the bot
// is down it goes back into the line at once: the probes decide. Nor does its own backoff grow as long
// as the bot may be down: it took nothing since this event began to fail, or for a while.
func (b *breaker) pause(
	attempt int, h health, backoff func(attempt int) time.Duration, now time.Time,
) (delay time.Duration, next time.Time) {
	if b.step == 0 {
		return 0, b.probeAt
	}
	if h == down && (attempt <= b.downs || now.Sub(b.lastUp) > wellFor) {
		attempt = 1
	}
	delay = backoff(attempt)
	return delay, now.Add(delay)
}
