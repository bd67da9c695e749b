package dispatch

import (
	"context"
	"time"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/queue"
)

const (
	// headerReplyBy tells a bot until when the platform's request waits for its answer.
	headerReplyBy = "Botgate-Reply-By"
	replyByLayout = "2006-01-02T15:04:05.000Z"
	// takenWithin bounds how long it may take to hear whether an answer was taken. Only a gateway or a connection that
	// ended says nothing; an answer that it had taken may be seen twice.
	takenWithin = 3 * time.Second
	// clockSlack is for how long after its time a request is asked for still: clocks differ.
	clockSlack = 10 * time.Second
)

// replies reports whether the bot's answer to an event is wanted by who published it. Nobody waits for that to a replay.
func (t *target) replies(e *event.Event, replays int) bool {
	return t.bot.Answers == bots.AnswersPlatform && !e.ReplyBy.IsZero() && replays == 0
}

// handBack offers what the bot said, where it took the event, to the request that waits for that, or passes it on where
// that is over, and returns what became of it. It returns false as [session.passOn] does.
func (s *session) handBack(delivery *queue.Delivery, v verdict, said *event.Answer) (answered event.Answered, ended bool) {
	e := delivery.Event
	switch {
	case e.ReplyBy.IsZero() || delivery.Replays > 0 || v != delivered:
		return "", true
	case said == nil || len(said.Body) == 0:
		s.forgo(delivery)
		return "", true
	case said.Truncated || said.ContentEncoding != "":
		s.forgo(delivery)
		answered = event.AnsweredUnfit
	case time.Since(e.ReplyBy) < clockSlack && s.answer(delivery, said):
		answered = event.AnsweredInTime
	default:
		if answered, ended = s.passOn(delivery, said); !ended {
			return answered, false
		}
	}
	if answered != event.AnsweredLate { // That is counted once it is sent or not.
		s.metrics.answers.WithLabelValues(string(answered)).Inc()
	}
	return answered, true
}

func (s *session) answer(delivery *queue.Delivery, said *event.Answer) (taken bool) {
	ctx, cancel := context.WithTimeout(s.settling, takenWithin)
	defer cancel()
	return s.consumer.Answer(ctx, delivery, said)
}

// forgo lets the request that waits for the bot's answer go on without it. The time to reply is over from then on.
func (s *session) forgo(delivery *queue.Delivery) {
	now := time.Now()
	if e := delivery.Event; now.Before(e.ReplyBy) { // That is the zero time where nobody waits.
		e.ReplyBy = now
		s.answer(delivery, nil)
	}
}

// forgoUnless does so unless the bot is asked within a delay that is short enough.
func (s *session) forgoUnless(delivery *queue.Delivery, delay time.Duration) {
	if e := delivery.Event; !e.ReplyBy.IsZero() && !time.Now().Add(delay).Before(e.ReplyBy) {
		s.forgo(delivery)
	}
}

// forgoAfter does so after an attempt that failed, or where there is none any more.
func (s *session) forgoAfter(delivery *queue.Delivery, change event.Change, delay time.Duration) {
	switch change.Status {
	case event.StatusDelivered: // The answer was offered.
	case event.StatusFailed:
		s.forgoUnless(delivery, delay)
	default:
		s.forgo(delivery)
	}
}

// forgoIfAway does so where the bot is not to be asked at present.
func (s *session) forgoIfAway(t *target, delivery *queue.Delivery) {
	if !delivery.Event.ReplyBy.IsZero() && s.isAway(t) {
		s.forgo(delivery)
	}
}
