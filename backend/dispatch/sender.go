package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/retry"
)

var (
	// ErrRefused means that the receiver will never take the event.
	ErrRefused = errors.New("refused for good")
	// errUndelivered means that the receiver did not take the event in all attempts.
	errUndelivered = errors.New("out of attempts")
)

// Sender sends events to one address as a [Dispatcher] sends them to a bot, one at a time,
// without a queue.
type Sender struct {
	target  *target
	clients clients
	run     int
}

// NewSender checks the address and the secrets of a receiver. Since what is behind an event waits
// for it, the default of MaxAttempts is 12 and that of MaxBackoff 2m; GiveUpAfter is not looked
// at. run becomes the replay number of what is sent; 0 for none.
func NewSender(receiver bots.Bot, run int) (*Sender, error) {
	receiver.MaxAttempts = cmp.Or(receiver.MaxAttempts, 12)
	receiver.MaxBackoff = cmp.Or(receiver.MaxBackoff, 2*time.Minute)
	receiver.KeepAnswers = cmp.Or(receiver.KeepAnswers, bots.KeepOff)
	receiver.Answers = cmp.Or(receiver.Answers, bots.AnswersOff)
	t, err := newTarget(receiver)
	if err != nil {
		return nil, err
	}
	if scheme := t.blank.URL.Scheme; scheme != "http" && scheme != "https" {
		return nil, errors.New("url: must be an http or https address")
	}
	return &Sender{target: t, clients: newClients(1), run: run}, nil
}

// Send makes attempts until the receiver has the event. Its error is ErrRefused,
// errUndelivered or the context's; an attempt that the context ends may have arrived.
func (s *Sender) Send(ctx context.Context, e *event.Event) error {
	for attempt := 1; ; attempt++ {
		ans := s.target.post(ctx, s.clients.of(s.target.bot), e, s.run, time.Now())
		switch v := verdictOf(ans); {
		case v == delivered:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case v == permanent:
			return fmt.Errorf("event %s: %w: %s", e.ID, ErrRefused, ans.reason())
		case attempt >= s.target.bot.MaxAttempts:
			return fmt.Errorf("event %s: %w: %s", e.ID, errUndelivered, ans.reason())
		}
		if !retry.Sleep(ctx, s.target.delay(attempt, ans.retryAfter)) {
			return ctx.Err()
		}
	}
}

// Trial is what came of one attempt.
type Trial struct {
	// Status is the HTTP answer; 0 when there was none.
	Status int
	// Delivered and Refused say that the receiver has the event, or will never take it; neither, that it may later.
	Delivered, Refused bool
	// RetryAfter is when the receiver wants to be asked again; 0 where it does not say.
	RetryAfter time.Duration
	// Reason says in a few words why it was not delivered.
	Reason string
	// Answer is what came with the status, as far as the receiver's KeepAnswers asks for it; nil for nothing.
	Answer *event.Answer
}

// Try makes one attempt.
func (s *Sender) Try(ctx context.Context, e *event.Event, replays int) Trial {
	ans := s.target.post(ctx, s.clients.of(s.target.bot), e, replays, time.Now())
	v := verdictOf(ans)
	return Trial{
		Status: ans.status, Delivered: v == delivered, Refused: v == permanent, RetryAfter: ans.retryAfter, Reason: ans.reason(),
		Answer: ans.kept,
	}
}

// Close closes the idle connections.
func (s *Sender) Close() { s.clients.closeIdle() }
