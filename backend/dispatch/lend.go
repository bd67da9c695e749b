package dispatch

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/botgate/botgate/backend/pull"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/retry"
)

// maxSilences is after how many leases in a row that ended in silence an attempt has failed: an event that ends each
// worker that takes it must not go round for ever.
const maxSilences = 3

const (
	// maxToldAttempts is of how many attempts the log has the progress: their number has no bound.
	maxToldAttempts = 5
	// progressTimeout bounds what keeps a settlement waiting.
	progressTimeout = 2 * time.Second
)

// drainLoans is how long a stop waits for what pollers have.
const drainLoans = 10 * time.Second

// loans is what is in the hands of pollers.
type loans struct {
	count    atomic.Int64
	returned retry.Wake
	// draining ends when nothing is to be lent any more.
	draining context.Context
	drain    context.CancelFunc
}

func newLoans() *loans {
	l := &loans{returned: retry.NewWake()}
	l.draining, l.drain = context.WithCancel(context.Background())
	return l
}

// loan is an event in the hands of a poller.
type loan struct {
	*pull.Offer
	began time.Time
}

// lend has an event wait for who asks for its bot's events, and settles it by what they say.
func (s *session) lend(delivery *queue.Delivery, sp *span) error {
	for silences := 0; ; {
		t, l, ok := s.awaitPoller(delivery, silences > 0)
		if !ok {
			return s.unlent(t, delivery, sp)
		}
		sp.begin(s.attempts)
		again, err := s.awaitSettlement(t, l, delivery, sp, &silences)
		if !again {
			return err
		}
		sp.end()
	}
}

// awaitPoller returns the bot as it is once a poller has the event. It returns false when the event can't wait any longer.
func (s *session) awaitPoller(delivery *queue.Delivery, again bool) (t *target, l loan, ok bool) {
	for s.starting.Err() == nil && !delivery.IsRecalled() && !s.holds.isGivenUp(delivery.Event) {
		if t = s.target(delivery.Event.Bot); t == nil || !t.bot.Pull || t.expired(delivery, time.Now()) {
			return t, l, false
		}
		s.forgoIfAway(t, delivery)
		if t.bot.Paused || s.loans.draining.Err() != nil {
			s.awaitResume(t, delivery)
			continue
		}
		if l, ok = s.stand(t, delivery, again); ok {
			return t, l, true
		}
	}
	return t, l, false
}

// stand has an event stand in the line of its bot until a poller has it, or something changed that it goes by.
func (s *session) stand(t *target, delivery *queue.Delivery, again bool) (l loan, ok bool) {
	ctx, cancel := t.untilReplaced(s.starting)
	defer cancel()
	defer context.AfterFunc(s.loans.draining, cancel)()
	defer delivery.OnRecall(cancel)()
	defer s.holds.onGiveUp(delivery, cancel)()
	if t.bot.ExpireAfter > 0 && delivery.Replays == 0 {
		var end context.CancelFunc
		ctx, end = context.WithDeadline(ctx, delivery.Event.Time.Add(t.bot.ExpireAfter+time.Millisecond)) // It is older then.
		defer end()
	}
	if !s.outlet.await(ctx) {
		return l, false
	}
	l.Offer = s.cfg.Ledger.Offer(delivery, again, func() bool { open, _ := s.outlet.open(); return open })
	select {
	case <-l.Lent():
	case <-ctx.Done():
		if l.Withdraw() {
			l.Done(pull.Lost)
			return l, false
		}
	}
	l.began = time.Now()
	s.loans.count.Add(1)
	return l, true
}

// unlent settles an event that no poller got.
func (s *session) unlent(t *target, delivery *queue.Delivery, sp *span) error {
	switch {
	case s.starting.Err() != nil:
		return nil //nolint:nilerr // That Run ends is no failure: the event stays in the queue.
	case s.holds.isGivenUp(delivery.Event):
		return s.conclude(delivery, giveUp(delivery), 0, sp)
	case t == nil:
		return s.awaitBot(delivery, time.Now(), sp)
	case t.bot.Pull && t.expired(delivery, time.Now()):
		return s.conclude(delivery, expire(delivery), 0, sp)
	}
	return s.postpone(delivery, 0) // It is recalled, or the bot has a url now.
}

// awaitSettlement waits for the end of a lease and settles the event, unless it is to be lent again.
func (s *session) awaitSettlement(
	t *target, l loan, delivery *queue.Delivery, sp *span, silences *int,
) (again bool, err error) {
	status := pull.Lost
	defer func() {
		l.Done(status)
		s.loans.count.Add(-1)
		s.loans.returned.Signal()
	}()
	said, ended := s.awaitEnd(l, delivery)
	if !ended {
		return false, nil // Whoever comes next has it from the queue.
	}
	s.metrics.leases.WithLabelValues(string(said.Outcome)).Inc()
	if said.Outcome == pull.Release {
		status = pull.OK
		return true, nil
	}
	if said.Outcome == pull.Silence {
		if *silences++; *silences < maxSilences {
			return true, nil
		}
	}
	change, delay := t.judgeLease(delivery, said, time.Since(l.began))
	if change.Status == event.StatusDelivered && t.replies(delivery.Event, delivery.Replays) {
		var ended bool
		change.Answered, ended = s.handBack(delivery, delivered, said.Answer) //nolint:contextcheck // It has the time of the session.
		if !ended {
			status = pull.Unavailable
			return false, nil
		}
	}
	change, delay = s.holding(t, delivery, change, delay)
	isLost, err := s.concluded(delivery, change, delay, sp)
	switch {
	case err != nil:
		status = pull.Unavailable
	case !isLost && said.Outcome != pull.Silence:
		status = pull.OK
	}
	return false, err
}

// awaitEnd waits for the end of a lease, and tells the log how far its poller is meanwhile. It returns false at the end of
// Run.
func (s *session) awaitEnd(l loan, delivery *queue.Delivery) (said pull.Settlement, ended bool) {
	for {
		select {
		case said = <-l.Ended():
			return said, true
		case percent := <-l.Progress():
			s.tellProgress(delivery, percent)
		case <-s.starting.Done():
			return said, false
		}
	}
}

// tellProgress tells the log how far the work on an event is. What the queue does not take is left out: what becomes of
// the event matters more.
func (s *session) tellProgress(delivery *queue.Delivery, percent int) {
	news, err := event.NewProgress(delivery.Event, delivery.Attempt, percent, time.Now())
	if err != nil || delivery.Attempt > maxToldAttempts {
		return
	}
	ctx, cancel := context.WithTimeout(s.settling, progressTimeout)
	defer cancel()
	told := s.cfg.Messaging.Tell(ctx, news)
	defer told.End()
	_ = s.cfg.Queue.Publish(ctx, news)
}

// Drain lends nothing any more, and waits for what pollers have, for 10 s at most or until ctx ends.
func (d *Dispatcher) Drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainLoans)
	defer cancel()
	d.loans.drain()
	for d.loans.count.Load() > 0 && ctx.Err() == nil {
		retry.Wait(ctx, d.loans.returned, time.Second)
	}
}

// judgeLease is the change by which a lease ended, and the delay until the next attempt with StatusFailed.
func (t *target) judgeLease(
	delivery *queue.Delivery, said pull.Settlement, took time.Duration,
) (change event.Change, delay time.Duration) {
	change = newChange(delivery)
	change.DurationMS = took.Milliseconds()
	if t.keeps(said.Outcome == pull.Ack) {
		change.Answer = said.Answer
	}
	v := temporary
	switch said.Outcome {
	case pull.Ack:
		v = delivered
	case pull.Dead:
		v, change.Error = permanent, "its worker said so"
	case pull.Silence:
		change.Error = fmt.Sprintf("%d workers in a row had it and said nothing", maxSilences)
	case pull.Retry, pull.Extend, pull.Release: // Only the first one ends an attempt.
		change.Error = "its worker asked for another attempt"
	}
	change, isLast := t.decide(delivery, change, v, true)
	if isLast {
		return change, 0
	}
	if delay = t.delay(change.Attempt, 0); said.After != nil {
		delay = min(*said.After, t.bot.MaxRetryAfter)
	}
	next := change.At.Add(delay).UTC()
	change.Status, change.NextAttempt = event.StatusFailed, &next
	return change, delay
}
