package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// maxPosts is how many late answers of one bot are being sent at once.
	maxPosts = 8
	// latePanicPause is for how long one goes back whose sending panicked.
	latePanicPause = time.Minute
	// unsentAnswer is what the log counts late answers by that were not sent, beside the causes of deaths.
	unsentAnswer = "unsent answer"
)

// handleLate sends a late answer. Nothing that becomes of its bot meanwhile matters, but that the bot is there: neither a
// pause nor that it is down.
func (s *session) handleLate(delivery *queue.Delivery) error {
	err := s.recovered(delivery, func() error { return s.sendLate(delivery) })
	if errors.Is(err, errPanicked) {
		return s.sendLater(delivery, latePanicPause)
	}
	return err
}

// sendLate makes one attempt to send a late answer, and settles its delivery.
func (s *session) sendLate(delivery *queue.Delivery) error {
	about, late, err := event.ParseLateAnswer(delivery.Event)
	if err != nil {
		return s.dropLate(delivery, err)
	}
	change := event.Change{Status: event.StatusAnswered, Attempt: late.Attempt, At: time.Now(), Answered: event.AnsweredUnsent}
	t := s.target(about.Bot)
	if change.Error = hopeless(delivery, t, late, change.At); change.Error != "" {
		return s.concludeLate(delivery, about, change)
	}
	release, ok := s.awaitPost(t, delivery)
	switch {
	case !ok && delivery.IsRecalled():
		return s.postpone(delivery, 0)
	case !ok:
		return nil // At the end of Run, after which the queue has it.
	}
	defer release()
	began := time.Now()
	ans := s.poster.post(s.attempts, s.clients, late, began)
	if s.attempts.Err() != nil && errors.Is(ans.err, context.Canceled) {
		return nil
	}
	var delay time.Duration
	change.At = time.Now()
	change.DurationMS, change.StatusCode = change.At.Sub(began).Milliseconds(), ans.status
	if change.Answered, change.Error, delay = lateOutcome(ans, delivery.Attempt, late.Until, change.At); delay > 0 {
		return s.sendLater(delivery, delay)
	}
	return s.concludeLate(delivery, about, change)
}

// hopeless says why a late answer is not sent any more; empty where it is.
func hopeless(delivery *queue.Delivery, t *target, late event.LateAnswer, now time.Time) string {
	reason, isPoison := delivery.Poison()
	switch {
	case isPoison:
		return reason
	case t == nil || t.bot.Answers != bots.AnswersPlatform:
		return "its bot is not in the bots file any more, or not for platforms"
	case !now.Before(late.Until):
		return "out of time"
	}
	return ""
}

// awaitPost waits until a late answer of the bot may be sent and what comes of that be told; release must follow. It returns
// false at the end of Run, and when the queue wants the delivery back.
func (s *session) awaitPost(t *target, delivery *queue.Delivery) (release func(), ok bool) {
	ctx, cancel := context.WithCancel(s.starting)
	defer cancel()
	defer delivery.OnRecall(cancel)()
	if t.gate.posts.Acquire(ctx, 1) != nil {
		return nil, false
	}
	release = func() { t.gate.posts.Release(1) }
	if !s.outlet.await(ctx) {
		release()
		return nil, false
	}
	return release, true
}

// sendLater gives a late answer back for a while.
func (s *session) sendLater(delivery *queue.Delivery, delay time.Duration) error {
	err := s.retry(func(ctx context.Context) error { return s.consumer.Retry(ctx, delivery, delay) })
	if err != nil && !errors.Is(err, queue.ErrLost) {
		return fmt.Errorf("sending a late answer later: %w", err)
	}
	return nil
}

// concludeLate tells what became of a late answer to the event about, and settles its delivery.
func (s *session) concludeLate(delivery *queue.Delivery, about *event.Event, change event.Change) error {
	s.countLate(about, change.Answered, change.Error)
	_, settled, err := s.publish(s.settling, about, change, delivery)
	if err == nil && !settled {
		err = s.retry(func(ctx context.Context) error { return s.consumer.Ack(ctx, delivery) })
	}
	if err != nil && !errors.Is(err, queue.ErrLost) {
		return fmt.Errorf("settling the late answer to event %s: %w", about.ID, err)
	}
	return nil
}

// dropLate takes one out of the queue that can't be read, such as one whose body the blob store lost.
func (s *session) dropLate(delivery *queue.Delivery, cause error) error {
	s.countLate(delivery.Event, event.AnsweredUnsent, cause.Error())
	err := s.retry(func(ctx context.Context) error { return s.consumer.Ack(ctx, delivery) })
	if err != nil && !errors.Is(err, queue.ErrLost) {
		return fmt.Errorf("dropping a late answer: %w", err)
	}
	return nil
}

// countLate counts what became of a late answer, and logs that it was not sent where a line is due.
func (s *session) countLate(about *event.Event, answered event.Answered, reason string) {
	s.metrics.answers.WithLabelValues(string(answered)).Inc()
	if answered == event.AnsweredSent {
		return
	}
	if times, isDue := s.deaths.again(about.Bot, unsentAnswer, time.Now()); isDue {
		s.log.Warn("late answers of a bot did not get to their platform", about.LogAttr(),
			slog.String("reason", reason), slog.Int("times", times))
	}
}
