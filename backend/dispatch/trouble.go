package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/botgate/botgate/internal/queue"
	"github.com/botgate/botgate/internal/recurring"
)

// finding is what a request says of its bot; its zero value is that of one that was not made.
type finding struct {
	health health
	// delivery is what an attempt was made of, and failure why it failed, both for the log; failure is empty
	// where it did not, or where it says nothing.
	delivery *queue.Delivery
	failure  cause
	reason   string
	took     time.Duration
	// span is that of the attempt; invalid without one.
	span trace.SpanContext
	// retryAfter is when the bot wants to be asked again.
	retryAfter time.Duration
}

// found is what an answer says of the bot.
func found(ctx context.Context, delivery *queue.Delivery, ans answer, t *target, took time.Duration) finding {
	f := finding{
		health: ans.health(), delivery: delivery, reason: ans.reason(), took: took,
		retryAfter: min(ans.retryAfter, t.bot.MaxRetryAfter), span: trace.SpanContextFromContext(ctx),
	}
	if verdictOf(ans) != delivered && !errors.Is(ans.err, context.Canceled) {
		f.failure = ans.cause()
	}
	return f
}

// trouble is what attempts of a bot failed by, as far as the log is concerned.
type trouble map[cause]*recurring.Count

// over ends all of it, and returns how many attempts failed and since when.
func (t trouble) over() (times int, began time.Time) {
	for _, count := range t {
		n, since := count.Over()
		if n > 0 && (began.IsZero() || since.Before(began)) {
			began = since
		}
		times += n
	}
	return times, began
}

// tell logs what is new about a bot that was down since then, or not. The lock is held.
func (s *slots) tell(g *gate, f finding, since, now time.Time) {
	ctx := trace.ContextWithSpanContext(context.Background(), f.span) // Records are of the attempt.
	switch {
	case f.failure != "":
		s.tellFailure(ctx, g, f, now)
	case f.health == up && s.slow > 0 && f.took > s.slow:
		s.tellSlow(ctx, g, f, now)
	}
	isOpen, wasOpen := !g.breaker.since.IsZero(), !since.IsZero()
	failed, began := 0, time.Time{}
	if f.health == up && f.failure == "" && !isOpen {
		failed, began = g.trouble.over()
	}
	switch {
	case isOpen && !wasOpen:
		g.isOpen.Set(1)
		s.log.WarnContext(ctx, "bot is down; only probes are sent to it until it answers", "bot", g.bot, "cause", f.failure, "reason", f.reason)
	case !isOpen && wasOpen:
		g.isOpen.Set(0)
		s.log.Info("bot is back", "bot", g.bot, "down_for", now.Sub(since), "failed_attempts", failed)
	case failed > 0:
		s.log.Info("bot takes events again", "bot", g.bot, "failing_for", now.Sub(began), "failed_attempts", failed)
	}
}

// tellFailure logs the first failure by a cause with the event that it was of, and later how many there were. The
// lock is held.
func (s *slots) tellFailure(ctx context.Context, g *gate, f finding, now time.Time) {
	count := g.trouble[f.failure]
	if count == nil {
		if g.trouble == nil {
			g.trouble = trouble{}
		}
		count = new(recurring.Count)
		g.trouble[f.failure] = count
	}
	times, isDue := count.Again(now)
	if !isDue {
		return
	}
	s.log.WarnContext(ctx, "attempts to deliver to a bot fail", f.delivery.Event.LogAttr(), slog.String("cause", string(f.failure)),
		slog.String("reason", f.reason), slog.Int("attempt", f.delivery.Attempt), slog.Int("times", times))
}

// tellSlow logs that the bot took long to answer. The lock is held.
func (s *slots) tellSlow(ctx context.Context, g *gate, f finding, now time.Time) {
	if times, isDue := g.slow.Again(now); isDue {
		s.log.WarnContext(ctx, "bot answers slowly", f.delivery.Event.LogAttr(), slog.Duration("took", f.took),
			slog.Duration("threshold", s.slow), slog.Int("times", times))
	}
}
